#include "common/net/tls_byte_stream.h"

#include <algorithm>
#include <array>
#include <utility>

#include "common/base/check.h"
#include "common/net/socket.h"

namespace fairlead::net {
namespace {
constexpr std::size_t kReadSize = 16 * 1024;
constexpr std::size_t kRecordSize = 16 * 1024;
constexpr int kReadsPerTurn = 4;  // of a handshake; then others get their turn
}  // namespace

TlsByteStream::TlsByteStream(PolledFd fd, std::unique_ptr<tls::TlsEngine> engine, Farewells& farewells)
    : fd_(std::move(fd)), engine_(std::move(engine)), farewells_(farewells) {
  CHECK(engine_ != nullptr);
  fd_.retarget(*this);
}

// Whoever was refused hears the alert, and whoever was left in order the last record; everybody else a reset.
TlsByteStream::~TlsByteStream() {
  if (!fd_.valid()) return;
  const ByteView unsaid = engine_->output();
  if ((shut_ || error_) && !unsaid.empty()) {
    farewells_.say(std::move(fd_), Bytes(unsaid.begin(), unsaid.end()), kLeaveWithin);
  } else if (!shut_) {
    reset_on_close(fd_.get());
  }
}

void TlsByteStream::start(ByteView already_read) {
  if (!already_read.empty()) feed(already_read);
  flush();
  fd_.run_again();  // the owner is told from the loop
}

void TlsByteStream::on_ready(Readiness ready) {
  if (ready.failed && connect_result(fd_.get())) broken_ = true;
  if (!handshake_done()) shake_hands();
  flush();
  if (owner_ != nullptr) owner_->on_stream_progress(*this);
}

void TlsByteStream::shake_hands() {
  for (int i = 0; i < kReadsPerTurn; ++i) {
    if (error_ || handshake_done() || pull() == Pulled::nothing) return;
  }
  fd_.run_again();  // edge triggering: what is left unread would not be announced again
}

StreamRead TlsByteStream::read(MutableBytes into) {
  if (!fd_.valid()) return {StreamRead::Kind::aborted};
  feed({});  // what was held back, and a failure that consumed() could not tell
  while (engine_->plaintext().empty()) {
    if (error_) return {StreamRead::Kind::aborted};
    if (engine_->peer_closed()) return {StreamRead::Kind::end};
    if (pull() == Pulled::nothing) return {error_ ? StreamRead::Kind::aborted : StreamRead::Kind::nothing};
  }
  const ByteView ready = engine_->plaintext();
  const std::size_t count = std::min(ready.size(), into.size());
  std::copy_n(ready.begin(), count, into.begin());
  engine_->consumed(count);
  return {StreamRead::Kind::bytes, count};
}

TlsByteStream::Pulled TlsByteStream::pull() {
  std::array<std::uint8_t, kReadSize> buffer;
  const auto got = read_some(fd_.get(), buffer);
  if (!got) {
    broken_ = true;
    break_off(got.error());
    return Pulled::nothing;
  }
  if (!*got) return Pulled::nothing;
  if (**got == 0) {
    break_off({Reason::connection_lost, "the peer ended the connection without a close_notify"});
    return Pulled::nothing;
  }
  feed(ByteView(buffer).first(**got));
  return Pulled::something;
}

void TlsByteStream::feed(ByteView ciphertext) {
  if (error_) return;
  const auto received = engine_->receive(ciphertext);
  if (received) return;
  if (handshake_done()) flush();  // the alert; one that refuses is a farewell, which no reset overtakes
  broken_ = true;
  break_off(received.error());
}

void TlsByteStream::break_off(Error error) {
  if (!error_) error_ = std::move(error);
}

std::size_t TlsByteStream::write(ByteView bytes) {
  std::size_t taken = 0;
  while (taken < bytes.size() && !broken_ && !shut_ && engine_->output().empty()) {
    const ByteView record = bytes.subspan(taken, std::min(kRecordSize, bytes.size() - taken));
    if (auto written = engine_->write(record); !written) {
      broken_ = true;
      break_off(written.error());
      break;
    }
    taken += record.size();
    flush();
  }
  return taken;
}

void TlsByteStream::flush() {
  if (broken_ || !fd_.valid()) return;
  while (!engine_->output().empty()) {
    const auto put = write_some(fd_.get(), engine_->output());
    if (!put) broken_ = true;
    if (!put || !*put) return;
    engine_->sent(**put);
  }
  if (shut_ && !std::exchange(fin_sent_, true)) shut_down_writing(fd_.get());
}

void TlsByteStream::shut_down() {
  if (std::exchange(shut_, true) || broken_) return;
  engine_->close();
  flush();
}

void TlsByteStream::abort() {
  broken_ = true;
  if (!fd_.valid()) return;
  reset_on_close(fd_.get());
  fd_.reset();
}

std::size_t TlsByteStream::undelivered() const {
  if (broken_ || !fd_.valid()) return 0;
  return engine_->output().size() + static_cast<std::size_t>(unacknowledged_bytes(fd_.get()));
}

}  // namespace fairlead::net
