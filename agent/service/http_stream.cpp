#include "agent/service/http_stream.h"

#include <algorithm>
#include <utility>

namespace fairlead::agent {

using net::StreamRead;
using Fate = Forwarder::Fate;

namespace {
constexpr std::size_t kPiece = 16 * 1024;  // is rewritten at a time, and waits if the other side does not read
}

HttpStream::HttpStream(net::Loop& loop, std::unique_ptr<net::ByteStream> target, std::string identity, ByteView ahead)
    : loop_(loop),
      target_(std::move(target)),
      forwarder_(std::move(identity)),
      soon_(
          [](void* self) {
            static_cast<HttpStream*>(self)->on_stream_progress(*static_cast<HttpStream*>(self)->target_);
          },
          this) {
  forwarder_.to_target().append(ahead);
}

void HttpStream::set_owner(net::ByteStreamOwner& owner) {
  owner_ = &owner;
  target_->set_owner(*this);
}

void HttpStream::on_stream_progress(net::ByteStream& /*stream*/) {
  flush();
  if (owner_ != nullptr) owner_->on_stream_progress(*this);
}

// The owner reads and writes by turns, but only a call from the loop makes it look again. Called when something has
// become possible, never while it stays so: the owner may be waiting for somebody else.
void HttpStream::tell_soon() {
  loop_.timers().arm(soon_, loop_.now());
}

std::size_t HttpStream::write(ByteView bytes) {
  std::size_t taken = 0;
  const bool silent = !speaks();
  flush();
  while (taken < bytes.size() && forwarder_.to_target().empty()) {
    const ByteView piece = bytes.subspan(taken, std::min(kPiece, bytes.size() - taken));
    const std::size_t heard = forwarder_.from_caller(piece);
    taken += heard;
    flush();
    if (heard < piece.size()) break;
  }
  if (silent && speaks()) tell_soon();
  return taken;
}

// There is something to be read without a word of the target.
bool HttpStream::speaks() const {
  return !forwarder_.to_caller().empty() || forwarder_.caller_fate() != Fate::open;
}

StreamRead HttpStream::read(MutableBytes into) {
  while (true) {
    if (const auto answer = said(into)) return *answer;
    const bool listened = forwarder_.listens();
    const StreamRead got = target_->read(into.first(std::min(kPiece, into.size())));
    if (got.kind == StreamRead::Kind::nothing) return got;
    hear_target(got, into.first(got.count));
    flush();
    if (!listened && forwarder_.listens()) tell_soon();
  }
}

// What the caller gets without another look at the target.
std::optional<StreamRead> HttpStream::said(MutableBytes into) {
  ByteQueue& queue = forwarder_.to_caller();
  if (!queue.empty()) {
    const std::size_t count = std::min(into.size(), queue.size());
    std::copy_n(queue.view().begin(), count, into.begin());
    queue.take(count);
    return StreamRead{StreamRead::Kind::bytes, count};
  }
  switch (forwarder_.caller_fate()) {
    case Fate::open:
      return std::nullopt;
    case Fate::ends:
      return StreamRead{StreamRead::Kind::end};
    case Fate::aborts:
      break;
  }
  return StreamRead{StreamRead::Kind::aborted};
}

void HttpStream::hear_target(StreamRead got, ByteView bytes) {
  switch (got.kind) {
    case StreamRead::Kind::bytes:
      return forwarder_.from_target(bytes);
    case StreamRead::Kind::end:
      return forwarder_.target_ended(Forwarder::End::orderly);
    case StreamRead::Kind::aborted:
      return forwarder_.target_ended(Forwarder::End::broken);
    case StreamRead::Kind::nothing:
      break;
  }
}

// What waits for the target, and its end behind it.
void HttpStream::flush() {
  ByteQueue& queue = forwarder_.to_target();
  if (!queue.empty() && !left_) queue.take(target_->write(queue.view()));
  const bool gone = left_ || target_->broken() || forwarder_.target_fate() == Fate::aborts;
  if (gone) queue.clear();
  if (left_ || forwarder_.target_fate() == Fate::open || !queue.empty()) return;
  left_ = true;
  forwarder_.target_fate() == Fate::ends ? target_->shut_down() : target_->abort();
}

void HttpStream::shut_down() {
  const bool silent = !speaks();
  forwarder_.caller_ended();
  flush();
  if (silent && speaks()) tell_soon();
}

void HttpStream::abort() {
  left_ = true;
  target_->abort();
}

// What the target said before it broke, and what we say of that, is still to be read.
bool HttpStream::broken() const {
  return forwarder_.caller_fate() == Fate::aborts && forwarder_.to_caller().empty();
}

std::size_t HttpStream::undelivered() const {
  return forwarder_.to_target().size() + target_->undelivered();
}

std::size_t HttpStream::memory() const {
  return forwarder_.memory() + target_->memory();
}

}  // namespace fairlead::agent
