#include "common/net/socket_stream.h"

#include <utility>

#include "common/net/socket.h"

namespace fairlead::net {

SocketStream::SocketStream(PolledFd fd) : fd_(std::move(fd)) {
  fd_.retarget(*this);
}

StreamRead SocketStream::read(MutableBytes into) {
  if (!fd_.valid()) return {StreamRead::Kind::aborted};
  const auto got = read_some(fd_.get(), into);
  if (!got) broken_ = true;
  if (got && !*got) return {StreamRead::Kind::nothing};
  if (got && **got > 0) return {StreamRead::Kind::bytes, **got};
  // After an error was told, the next read of the kernel says "end".
  return {broken_ ? StreamRead::Kind::aborted : StreamRead::Kind::end};
}

std::size_t SocketStream::write(ByteView bytes) {
  if (broken_ || !fd_.valid()) return 0;
  const auto put = write_some(fd_.get(), bytes);
  if (!put) broken_ = true;
  return put ? put->value_or(0) : 0;
}

void SocketStream::shut_down() {
  if (fd_.valid()) shut_down_writing(fd_.get());
}

void SocketStream::abort() {
  broken_ = true;
  if (!fd_.valid()) return;
  reset_on_close(fd_.get());
  fd_.reset();
}

std::size_t SocketStream::undelivered() const {
  if (broken_ || !fd_.valid()) return 0;
  return static_cast<std::size_t>(unacknowledged_bytes(fd_.get()));
}

void SocketStream::on_ready(Readiness ready) {
  if (ready.failed && connect_result(fd_.get())) broken_ = true;
  if (owner_ != nullptr) owner_->on_stream_progress(*this);
}

}  // namespace fairlead::net
