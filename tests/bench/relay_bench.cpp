// CPU seconds per GiB of a relay, beside the same streams without one, in one run: throughput of a shared machine
// swings by half, the ratio does not. A build with optimisation counts.
//   relay_bench [MiB per stream] [streams]
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <thread>
#include <vector>

#include "common/base/check.h"
#include "common/net/relay.h"
#include "common/net/signals.h"
#include "common/net/socket.h"
#include "common/wire/tls_alert.h"

namespace fairlead::net {
namespace {

constexpr std::size_t kChunk = 256 * 1024;

struct Connection {
  Fd near;
  Fd far;
};

// The same for all, and without pacing, which would measure timers.
void set_cubic(int fd) {
  static_cast<void>(::setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "cubic", 5));
}

Connection connect_pair() {
  auto listener = listen_tcp({.ip = IpAddress::v4({127, 0, 0, 1}), .port = 0}, ReusePort::no);
  CHECK(listener.has_value());
  auto far = connect_tcp(*local_address(listener->get()));
  CHECK(far.has_value());
  auto near = accept_connection(listener->get());
  CHECK(near.has_value() && near->has_value());
  set_cubic((*near)->fd.get());
  set_cubic(far->get());
  return {.near = std::move((*near)->fd), .far = std::move(*far)};
}

Duration cpu_of(int who) {
  rusage usage{};
  CHECK(getrusage(who, &usage) == 0);
  const auto of = [](const timeval& time) { return std::chrono::seconds(time.tv_sec) + Duration(time.tv_usec); };
  return of(usage.ru_utime) + of(usage.ru_stime);
}

void wait_for(int fd, short events) {
  pollfd polled{.fd = fd, .events = events, .revents = 0};
  ::poll(&polled, 1, -1);
}

void write_all(int fd, std::size_t bytes) {
  const Bytes chunk(kChunk, 'x');
  while (bytes > 0) {
    const auto sent = write_some(fd, ByteView(chunk).first(std::min(bytes, chunk.size())));
    CHECK(sent.has_value());
    if (*sent) {
      bytes -= **sent;
    } else {
      wait_for(fd, POLLOUT);
    }
  }
  shut_down_writing(fd);
}

std::size_t read_all(int fd) {
  Bytes chunk(kChunk);
  std::size_t total = 0;
  while (true) {
    const auto got = read_some(fd, chunk);
    CHECK(got.has_value());
    if (*got && **got == 0) return total;
    if (*got) {
      total += **got;
    } else {
      wait_for(fd, POLLIN);
    }
  }
}

// Sends `bytes` from each sender to its receiver, then a few bytes back, each on a thread of its own.
void drive(std::vector<std::thread>& threads, std::vector<Fd>& senders, std::vector<Fd>& receivers, std::size_t bytes) {
  for (Fd& fd : senders) {
    threads.emplace_back([&fd, bytes] {
      write_all(fd.get(), bytes);
      read_all(fd.get());
      fd.reset();
    });
  }
  for (Fd& fd : receivers) {
    threads.emplace_back([&fd, bytes] {
      CHECK(read_all(fd.get()) == bytes);
      CHECK(write_some(fd.get(), wire::tls_alert(0)).has_value());  // close_notify: good first bytes of a service
      fd.reset();
    });
  }
}

struct Figures {
  double total;  // CPU seconds per GiB of all threads
  double relay;  // of the relay's thread
  double wall;   // seconds
};

class Owner final : public RelayOwner {
 public:
  Owner(Loop& loop, std::size_t count) : loop_(loop), left_(count) {}
  void on_relay_ended(Relay& relay, const RelayOutcome& outcome) override {
    CHECK(outcome.reason == Reason::completed);
    for (auto& each : relays) {
      if (each.get() == &relay) loop_.retire(std::move(each));
    }
    if (--left_ == 0) loop_.stop();
  }
  std::vector<std::unique_ptr<Relay>> relays;

 private:
  Loop& loop_;
  std::size_t left_;
};

struct Nobody final : PollTarget {
  void on_ready(Readiness) override {}
};

Figures measure(std::size_t bytes, std::size_t streams,
                const std::function<double(std::vector<Fd>&, std::vector<Fd>&, std::vector<std::thread>&)>& run) {
  std::vector<Fd> senders;
  std::vector<Fd> receivers;
  std::vector<std::thread> threads;
  const Duration cpu = cpu_of(RUSAGE_SELF);
  const TimePoint begin = monotonic_now();
  const double relay = run(senders, receivers, threads);
  for (std::thread& thread : threads) thread.join();
  const double gib = static_cast<double>(bytes * streams) / (1024.0 * 1024 * 1024);
  const auto seconds = [](Duration time) { return std::chrono::duration<double>(time).count(); };
  return {.total = seconds(cpu_of(RUSAGE_SELF) - cpu) / gib,
          .relay = relay / gib,
          .wall = seconds(monotonic_now() - begin)};
}

Figures direct(std::size_t bytes, std::size_t streams) {
  return measure(bytes, streams, [&](auto& senders, auto& receivers, auto& threads) {
    for (std::size_t i = 0; i < streams; ++i) {
      Connection connection = connect_pair();
      senders.push_back(std::move(connection.near));
      receivers.push_back(std::move(connection.far));
    }
    drive(threads, senders, receivers, bytes);
    return 0.0;
  });
}

Figures relayed(std::size_t bytes, std::size_t streams) {
  return measure(bytes, streams, [&](auto& senders, auto& receivers, auto& threads) {
    Loop loop;
    Poller poller(loop);
    PipePool pipes;
    Farewells farewells(poller);
    Owner owner(loop, streams);
    Nobody nobody;
    for (std::size_t i = 0; i < streams; ++i) {
      Connection client = connect_pair();
      Connection service = connect_pair();
      senders.push_back(std::move(client.far));
      receivers.push_back(std::move(service.far));
      RelayEnds ends{.client = PolledFd(poller, std::move(client.near), nobody),
                     .service = PolledFd(poller, std::move(service.near), nobody),
                     .to_service = {},
                     .to_client = {},
                     .to_client_prefix = {}};
      owner.relays.push_back(
          std::make_unique<Relay>(RelayTools{poller, pipes, farewells}, std::move(ends), RelayLimits{}, owner));
    }
    drive(threads, senders, receivers, bytes);
    const Duration before = cpu_of(RUSAGE_THREAD);
    loop.run();
    return std::chrono::duration<double>(cpu_of(RUSAGE_THREAD) - before).count();
  });
}

}  // namespace
}  // namespace fairlead::net

int main(int argc, char** argv) {
  using namespace fairlead::net;
  const auto number = [&](int place, std::size_t otherwise) {
    return argc > place ? static_cast<std::size_t>(std::strtoul(argv[place], nullptr, 10)) : otherwise;
  };
  const std::size_t bytes = number(1, 2048) * 1024 * 1024;
  const std::size_t streams = number(2, 1);
  ignore_sigpipe();
  static_cast<void>(direct(bytes / 4, streams));  // warms up
  const Figures plain = direct(bytes, streams);
  const Figures hop = relayed(bytes, streams);
  std::printf("%zu streams of %zu MiB\n", streams, bytes >> 20);
  std::printf("direct   %.3f CPU s/GiB in all, %.2f s\n", plain.total, plain.wall);
  std::printf("relayed  %.3f CPU s/GiB in all, %.3f of them the relay, %.2f s\n", hop.total, hop.relay, hop.wall);
  std::printf("ratios   all %.2f, relay to direct %.2f, time %.2f\n", hop.total / plain.total, hop.relay / plain.total,
              hop.wall / plain.wall);
}
