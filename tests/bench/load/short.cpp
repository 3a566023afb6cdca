// Short connections, K at a time: connect, hello, a message there and back, and the service closes. A connection's
// place is taken by the next one at once.
#include <array>
#include <chrono>
#include <cstdio>
#include <memory>
#include <vector>

#include "common/base/json_writer.h"
#include "common/net/loop.h"
#include "tests/bench/load/greeting.h"
#include "tests/bench/load/histogram.h"

namespace fairlead::bench {
namespace {

constexpr double kNanosecondsPerSecond = 1e9;

using Clock = std::chrono::steady_clock;  // nanoseconds; the product's TimePoint may be coarser

struct Series {
  SocketAddress target;
  Bytes hello = client_hello({.work = Work::echo});
  std::uint64_t started = 0;
  std::uint64_t most = 0;  // connections; 0: until the time is over
  Clock::time_point until;
  Histogram latencies;

  bool more() const { return most > 0 ? started < most : Clock::now() < until; }
};

// One of the K places: a connection, and after it the next.
class Place final : public EpollTarget {
 public:
  Place(Epoll& epoll, Series& series) : epoll_(epoll), series_(series) {}
  bool busy() const { return greeting_.has_value(); }

  void start() {
    begin_ = Clock::now();
    greeting_.emplace(connect_to(series_.target, series_.started++), series_.hello);
    greeted_ = false;
    answered_ = 0;
    epoll_.add(greeting_->fd(), greeting_->begin(), *this);
  }

  void on_events(std::uint32_t) override {
    if (!greeted_) {
      greeted_ = greeting_->advance(epoll_, *this);
      if (greeted_) send_message();
      return;
    }
    std::array<std::uint8_t, kMessage + 1> answer;
    const auto got = net::read_some(greeting_->fd(), answer);
    if (!got) give_up("a connection broke", greeting_->fd());
    if (!*got) return;
    if (**got == 0) return on_end();
    answered_ += **got;
    if (answered_ != kMessage) return;
    const auto took = std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - begin_);
    series_.latencies.add(static_cast<std::uint64_t>(took.count()));
  }

 private:
  void send_message() {
    static const Bytes kContent(kMessage, 'm');
    const auto sent = net::write_some(greeting_->fd(), kContent);
    if (!sent || *sent != kMessage) give_up("the message was not taken", greeting_->fd());
  }

  void on_end() {
    if (answered_ != kMessage) give_up("the answer did not come", greeting_->fd());
    greeting_.reset();
    if (series_.more()) start();
  }

  Epoll& epoll_;
  Series& series_;
  std::optional<Greeting> greeting_;  // empty: no connection
  Clock::time_point begin_;
  bool greeted_ = false;
  std::size_t answered_ = 0;
};

}  // namespace

int run_short(const SocketAddress& target, const Options& options) {
  Epoll epoll;
  const auto begin = Clock::now();
  Series series{.target = target, .most = options.number("--count", 0)};
  const std::chrono::duration<double> wanted(options.seconds("--seconds", 1));
  series.until = begin + std::chrono::duration_cast<Clock::duration>(wanted);
  std::vector<std::unique_ptr<Place>> places;
  for (std::uint64_t i = 0; i < options.number("--at-once", 1); ++i) {
    places.push_back(std::make_unique<Place>(epoll, series));
    if (series.more()) places.back()->start();
  }
  for (const auto& place : places) {
    while (place->busy()) epoll.turn();
  }
  const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  const auto percentile = [&](double share) { return series.latencies.percentile(share) / kNanosecondsPerSecond; };
  std::printf("{\"connections\": %llu, \"seconds\": %.6f, \"p50\": %.9f, \"p99\": %.9f}\n",
              static_cast<unsigned long long>(series.latencies.count()), seconds, percentile(0.5), percentile(0.99));
  return 0;
}

}  // namespace fairlead::bench
