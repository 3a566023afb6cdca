#include "common/net/tls_stream.h"

#include <array>

#include "common/net/socket.h"

namespace fairlead::net {
namespace {
constexpr std::size_t kReadSize = 16 * 1024;
constexpr int kReadsPerTurn = 4;  // then others get their turn
}  // namespace

TlsStream::TlsStream(Poller& poller, Fd fd, std::unique_ptr<tls::TlsEngine> engine, TlsStreamOwner& owner)
    : fd_(poller, std::move(fd), *this), engine_(std::move(engine)), owner_(&owner) {}

void TlsStream::start(ByteView already_read) {
  if (!already_read.empty()) feed(already_read);
  flush();
  owner_->on_tls_progress(*this);
}

void TlsStream::on_ready(Readiness ready) {
  if (ready.readable) read_input();
  flush();
  owner_->on_tls_progress(*this);
}

void TlsStream::read_input() {
  std::array<std::uint8_t, kReadSize> buffer;
  for (int i = 0; i < kReadsPerTurn; ++i) {
    if (error_ || engine_->stalled()) break;
    const auto got = read_some(fd_.get(), buffer);
    if (!got) {
      error_ = got.error();
      return;
    }
    if (!*got) return;
    if (**got == 0) {
      error_ = engine_->peer_closed() ? Error{Reason::completed, "the peer closed the connection"}
                                      : Error{Reason::connection_lost, "the peer ended the connection"};
      return;
    }
    feed(ByteView(buffer).first(**got));
  }
  if (!error_) fd_.run_again();  // edge triggering: what is left unread would not be announced again
}

void TlsStream::feed(ByteView ciphertext) {
  const auto received = engine_->receive(ciphertext);
  if (!received) {
    error_ = received.error();
  } else if (engine_->peer_closed()) {
    error_ = Error{Reason::completed, "the peer closed the connection"};
  }
}

void TlsStream::flush() {
  while (!engine_->output().empty()) {
    const auto put = write_some(fd_.get(), engine_->output());
    if (!put) {
      if (!error_) error_ = put.error();
      return;
    }
    if (!*put) return;
    engine_->sent(**put);
  }
}

void TlsStream::write(ByteView plaintext) {
  if (error_) return;
  if (auto written = engine_->write(plaintext); !written) {
    error_ = written.error();
    return;
  }
  flush();
}

void TlsStream::finish() {
  engine_->close();
  flush();
  shut_down_writing(fd_.get());
}

}  // namespace fairlead::net
