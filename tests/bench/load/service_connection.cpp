#include "tests/bench/load/service_connection.h"

#include <array>

#include "common/net/socket.h"

namespace fairlead::bench {

void ServiceConnection::start(Epoll& epoll, net::Fd fd) {
  const int number = fd.get();
  auto* self = new ServiceConnection(epoll, std::move(fd));
  epoll.add(number, EPOLLIN, *self);
}

void ServiceConnection::on_events(std::uint32_t) {
  if ((greeted_ ? work() : read_hello()) == Next::finish) delete this;
}

ServiceConnection::Next ServiceConnection::read_hello() {
  const std::size_t had = input_.size();
  input_.resize(kHelloSize);
  const auto got = net::read_some(fd_.get(), MutableBytes(input_).subspan(had));
  if (!got || (*got && **got == 0)) return Next::finish;
  input_.resize(had + got->value_or(0));
  if (input_.size() < kHelloSize) return Next::go_on;
  plan_ = plan_of(input_);
  greeted_ = true;
  input_ = {};
  const auto sent = net::write_some(fd_.get(), server_hello());
  if (!sent || *sent != server_hello().size()) return Next::finish;
  if (plan_.work != Work::source) return Next::go_on;
  epoll_.change(fd_.get(), EPOLLOUT, *this);
  return source();
}

ServiceConnection::Next ServiceConnection::work() {
  switch (plan_.work) {
    case Work::sink:
      return sink();
    case Work::source:
      return source();
    case Work::echo:
    case Work::hold:
      return answer_message();
  }
  return Next::finish;
}

// The client learns that all has arrived; a count that is wrong closes without a word.
ServiceConnection::Next ServiceConnection::sink() {
  const Moved moved = discard_some(fd_.get(), moved_);
  if (moved == Moved::blocked || moved == Moved::all) return Next::go_on;
  if (moved == Moved::ended && moved_ == plan_.bytes) {
    static_cast<void>(net::write_some(fd_.get(), std::array<std::uint8_t, 1>{'.'}));
  }
  return Next::finish;
}

ServiceConnection::Next ServiceConnection::source() {
  return send_some(fd_.get(), plan_.bytes) == Moved::blocked ? Next::go_on : Next::finish;
}

// Messages are so small that they come and go in one piece.
ServiceConnection::Next ServiceConnection::answer_message() {
  std::array<std::uint8_t, kMessage> message;
  const auto got = net::read_some(fd_.get(), message);
  if (!got || (*got && **got == 0)) return Next::finish;
  if (!*got) return Next::go_on;
  const auto sent = net::write_some(fd_.get(), ByteView(message).first(**got));
  return sent && plan_.work == Work::hold ? Next::go_on : Next::finish;
}

}  // namespace fairlead::bench
