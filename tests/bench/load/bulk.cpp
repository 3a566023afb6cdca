// N streams at once, a fixed number of bytes. The clock runs from the moment all have had their hello.
#include <chrono>
#include <cstdio>
#include <memory>
#include <vector>

#include "common/base/json_writer.h"
#include "common/net/loop.h"
#include "tests/bench/load/greeting.h"
#include "tests/bench/load/transfer.h"

namespace fairlead::bench {
namespace {

class Stream final : public EpollTarget {
 public:
  Stream(Epoll& epoll, const SocketAddress& target, const Bytes& hello, const Plan& plan)
      : epoll_(epoll), greeting_(connect_to(target, 0), hello), plan_(plan), left_(plan.bytes) {
    epoll_.add(greeting_.fd(), greeting_.begin(), *this);
  }
  bool greeted() const { return state_ != State::greeting; }
  bool done() const { return state_ == State::done; }

  // A service that sends does so at once: its bytes wait here until all streams may begin.
  void go() {
    state_ = State::moving;
    epoll_.change(greeting_.fd(), plan_.work == Work::sink ? EPOLLOUT : EPOLLIN, *this);
  }

  void on_events(std::uint32_t) override {
    switch (state_) {
      case State::greeting:
        if (!greeting_.advance(epoll_, *this)) return;
        state_ = State::greeted;
        epoll_.change(greeting_.fd(), 0, *this);
        return;
      case State::moving:
        return plan_.work == Work::sink ? send() : receive();
      case State::ending:
        return receive();
      case State::greeted:
      case State::done:
        return give_up("a stream broke off", greeting_.fd());
    }
  }

 private:
  enum class State {
    greeting,  // the service's hello
    greeted,   // go()
    moving,    // the last byte
    ending,    // all was sent: the service's word that it has arrived
    done,
  };

  void send() {
    const Moved moved = send_some(greeting_.fd(), left_);
    if (moved == Moved::blocked) return;
    if (moved != Moved::all) give_up("a stream broke while sending", greeting_.fd());
    net::shut_down_writing(greeting_.fd());
    state_ = State::ending;
    epoll_.change(greeting_.fd(), EPOLLIN, *this);
  }

  void receive() {
    const Moved moved = discard_some(greeting_.fd(), received_);
    if (moved == Moved::failed) give_up("a stream broke while receiving", greeting_.fd());
    const std::uint64_t expected = state_ == State::ending ? 1 : plan_.bytes;
    if (moved != Moved::ended) return;
    if (received_ != expected) give_up("a stream ended too early", greeting_.fd());
    state_ = State::done;
    greeting_.close();
  }

  Epoll& epoll_;
  Greeting greeting_;
  Plan plan_;
  std::uint64_t left_;
  std::uint64_t received_ = 0;
  State state_ = State::greeting;
};

template <class Done>
void turn_until(Epoll& epoll, const std::vector<std::unique_ptr<Stream>>& streams, Done done) {
  for (const auto& stream : streams) {
    while (!done(*stream)) epoll.turn();
  }
}

}  // namespace

int run_bulk(const SocketAddress& target, const Options& options) {
  const std::uint64_t count = std::max<std::uint64_t>(1, options.number("--streams", 1));
  const std::uint64_t bytes = options.number("--mib", 1024) * 1024 * 1024 / count;
  const Plan plan{.work = options.text("--direction", "up") == "up" ? Work::sink : Work::source, .bytes = bytes};
  const Bytes hello = client_hello(plan);
  Epoll epoll;
  std::vector<std::unique_ptr<Stream>> streams;
  for (std::uint64_t i = 0; i < count; ++i) streams.push_back(std::make_unique<Stream>(epoll, target, hello, plan));
  turn_until(epoll, streams, [](const Stream& stream) { return stream.greeted(); });
  const TimePoint begin = net::monotonic_now();
  for (const auto& stream : streams) stream->go();
  turn_until(epoll, streams, [](const Stream& stream) { return stream.done(); });
  const double seconds = std::chrono::duration<double>(net::monotonic_now() - begin).count();
  JsonWriter json;
  json.begin_object().field("seconds", seconds);
  json.field("gib", static_cast<double>(bytes * count) / (1024.0 * 1024 * 1024)).end_object();
  std::puts(json.text().c_str());
  return 0;
}

}  // namespace fairlead::bench
