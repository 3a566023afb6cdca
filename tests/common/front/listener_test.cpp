#include "common/front/listener.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <vector>

#include "common/wire/tls_alert.h"
#include "tests/support/doctest.h"

namespace fairlead::front {
namespace {

// The process may open nothing more while this lives.
class NothingLeft {
 public:
  NothingLeft() {
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before_) == 0);
    const net::Fd lowest(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    const rlimit now{static_cast<rlim_t>(lowest.get()), before_.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &now) == 0);
  }
  ~NothingLeft() { ::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

struct Rig {
  net::Loop loop;
  net::Poller poller{loop};
  int accepted = 0;
  int full = 0;
  std::vector<net::AcceptedSocket> kept;
  SocketAddress address;
  std::unique_ptr<Listener> listener;

  Rig() {
    auto fd = net::listen_tcp({IpAddress::v4({127, 0, 0, 1}), 0}, net::ReusePort::no);
    REQUIRE(fd);
    address = *net::local_address(fd->get());
    listener = std::make_unique<Listener>(
        poller, std::move(*fd),
        [this](net::AcceptedSocket socket) {
          ++accepted;
          kept.push_back(std::move(socket));
        },
        [this] { ++full; });
  }
  net::Fd call() {
    auto client = net::connect_tcp(address);
    REQUIRE(client);
    CHECK(until([&] { return net::write_some(client->get(), as_bytes("hello"))->value_or(0) == 5; }));
    return std::move(*client);
  }
  template <class Condition>
  bool until(Condition condition) {
    const TimePoint end = net::monotonic_now() + 5s;
    while (!condition()) {
      if (net::monotonic_now() > end) return false;
      loop.turn(net::Loop::Turn::glance);
    }
    return true;
  }
  // What it was told before the end, in order or by a reset.
  Bytes last_words(const net::Fd& client) {
    Bytes out(64);
    std::size_t size = 0;
    CHECK(until([&] {
      const auto got = net::read_some(client.get(), MutableBytes(out).subspan(size));
      if (!got) return true;
      if (!*got) return false;
      size += **got;
      return **got == 0;
    }));
    out.resize(size);
    return out;
  }
};

TEST_CASE("who finds no descriptor left hears so, and the next is served when there is one") {
  Rig rig;
  std::vector<net::Fd> clients;
  for (int i = 0; i < 3; ++i) clients.push_back(rig.call());
  CHECK(rig.until([&] { return rig.accepted == 3; }));
  net::Fd early = rig.call();
  CHECK(rig.until([&] { return rig.accepted == 4; }));

  auto late = net::connect_tcp(rig.address);
  REQUIRE(late);
  {
    const NothingLeft nothing;
    CHECK(net::write_some(late->get(), as_bytes("hello")).has_value());
    CHECK(rig.last_words(*late) == wire::tls_alert(wire::kInternalError));
    CHECK(rig.accepted == 4);
    CHECK(rig.full >= 1);
  }
  const net::Fd next = rig.call();
  CHECK(rig.until([&] { return rig.accepted == 5; }));
}

TEST_CASE("a listener that closes takes all who were let in, in one call") {
  Rig rig;
  std::vector<net::Fd> clients;
  for (int i = 0; i < 200; ++i) {
    auto client = net::connect_tcp(rig.address);
    REQUIRE(client);
    CHECK(net::write_some(client->get(), as_bytes("hello")));
    clients.push_back(std::move(*client));
  }
  rig.listener->drain_queue();
  CHECK(rig.accepted == 200);
}

}  // namespace
}  // namespace fairlead::front
