#include "common/net/connector.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>
#include <filesystem>

#include "tests/common/net/rig.h"

namespace fairlead::net {
namespace {

using namespace fairlead::net::test;

const IpAddress kLoopback = IpAddress::v4({127, 0, 0, 1});

struct Target final : PollTarget {
  void on_ready(Readiness) override {}
};

// Listens; what is connected beyond `backlog` and not accepted is not answered (TCP) or refused with EAGAIN (unix).
struct Service {
  explicit Service(int backlog = 16) : fd(std::move(*listen_tcp({kLoopback, 0}, ReusePort::no))) {
    ::listen(fd.get(), backlog);
    address = *local_address(fd.get());
  }
  bool accepts() {
    auto got = accept_connection(fd.get());
    if (got && *got) accepted.push_back(std::move((*got)->fd));
    return got && *got;
  }
  Fd fd;
  SocketAddress address;
  std::vector<Fd> accepted;
};

// An address that answers nothing: the kernel drops what comes to a full backlog.
struct SilentService {
  SilentService() {
    for (int i = 0; i < 2; ++i) fillers.push_back(std::move(*connect_tcp(service.address)));
  }
  Service service{0};
  std::vector<Fd> fillers;
};

SocketAddress closed_port() {
  return Service().address;
}

struct Rig {
  Connector& make(ConnectOptions options = {}) {
    connector = std::make_unique<Connector>(worker.poller, std::move(options), &memory, [this](Result<Connection> got) {
      ++calls;
      if (got) got->fd.retarget(target);
      outcome = std::move(got);
    });
    return *connector;
  }
  bool done() {
    return worker.until([this] { return outcome.has_value(); });
  }
  SocketAddress peer() {
    CHECK(done());
    REQUIRE(outcome->has_value());
    return (*outcome)->peer;
  }
  Reason reason() {
    CHECK(done());
    REQUIRE_FALSE(outcome->has_value());
    return outcome->error().reason;
  }

  Worker worker;
  Target target;
  core::AddressMemory memory;
  std::optional<Result<Connection>> outcome;
  int calls = 0;
  std::unique_ptr<Connector> connector;
};

TEST_CASE("one address: connected, told once, and not from start") {
  Rig rig;
  Service service;
  rig.make().start({service.address}, 5s);
  CHECK_FALSE(rig.outcome);
  CHECK(rig.peer() == service.address);
  CHECK(rig.worker.until([&] { return service.accepts(); }));
  REQUIRE(write_some((*rig.outcome)->fd.get(), Bytes{'x'}).has_value());
  CHECK(rig.worker.until([&] { return read_now(service.accepted[0].get()) == Bytes{'x'}; }));
  rig.worker.settle();
  CHECK(rig.calls == 1);
}

TEST_CASE("who refuses gives the next one its turn at once, and comes last the next time") {
  Rig rig;
  Service service;
  const SocketAddress closed = closed_port();
  rig.make().start({closed, service.address}, 5s);
  CHECK(rig.peer() == service.address);
  CHECK(rig.memory.order({closed, service.address}, rig.worker.loop.now()) == std::vector{service.address, closed});
}

TEST_CASE("who is silent is passed by, and comes last the next time") {
  Rig rig;
  SilentService silent;
  Service service;
  const TimePoint began = rig.worker.loop.now();
  rig.make().start({silent.service.address, service.address}, 20s);
  CHECK(rig.peer() == service.address);
  CHECK(rig.worker.loop.now() - began >= core::ConnectRace::kAttemptDelay);
  CHECK(rig.memory.order({silent.service.address, service.address}, rig.worker.loop.now()) ==
        std::vector{service.address, silent.service.address});
  rig.outcome.reset();
  rig.make().start({silent.service.address, service.address}, 20s);
  CHECK(rig.peer() == service.address);
  CHECK(rig.worker.until([&] { return service.accepts() && service.accepts(); }));
}

TEST_CASE("both families race") {
  Rig rig;
  auto listener = listen_tcp({*IpAddress::parse("::1"), 0}, ReusePort::no);
  if (!listener) return;  // a host without IPv6
  const SocketAddress v6 = *local_address(listener->get());
  rig.make().start({closed_port(), closed_port(), v6}, 5s);
  CHECK(rig.peer() == v6);
}

TEST_CASE("all fail: the failure that says most") {
  Rig rig;
  const SocketAddress no_way{IpAddress::v4({255, 255, 255, 255}), 9};  // TCP has no broadcast
  rig.make().start({no_way}, 5s);
  CHECK_FALSE(rig.outcome);
  CHECK(rig.reason() == Reason::connect_unreachable);
  rig.outcome.reset();
  const SocketAddress closed = closed_port();
  rig.make().start({closed, no_way}, 5s);
  CHECK(rig.reason() == Reason::connect_refused);
  CHECK(rig.outcome->error().detail == closed.to_string() + ": Connection refused");
  rig.outcome.reset();
  rig.make().start({}, 5s);
  CHECK(rig.reason() == Reason::connect_unreachable);
  CHECK(rig.calls == 3);
}

TEST_CASE("one deadline for all addresses") {
  Rig rig;
  SilentService first;
  SilentService second;
  rig.make().start({first.service.address, closed_port(), second.service.address}, 300ms);
  CHECK(rig.reason() == Reason::connect_timeout);
  CHECK(rig.calls == 1);
}

TEST_CASE("destroyed: nothing is told, nothing stays open") {
  Rig rig;
  SilentService silent;
  Service service;
  const std::size_t before = open_descriptors();
  rig.make().start({silent.service.address, service.address}, 20s);
  rig.connector.reset();
  rig.make().start({service.address}, 20s);
  rig.connector.reset();
  rig.make().start_unix("/nonexistent/socket", 20s);
  rig.connector.reset();
  rig.worker.settle();
  CHECK(rig.calls == 0);
  CHECK(open_descriptors() == before);
}

TEST_CASE("it may be destroyed by whom it tells") {
  Worker worker;
  Service service;
  std::unique_ptr<Connector> connector;
  int calls = 0;
  const auto ask = [&](const SocketAddress& address) {
    connector = std::make_unique<Connector>(worker.poller, ConnectOptions{}, nullptr, [&](const Result<Connection>&) {
      ++calls;
      connector.reset();
    });
    connector->start({address}, 5s);
    CHECK(worker.until([&] { return connector == nullptr; }));
  };
  ask(service.address);
  ask(closed_port());
  CHECK(calls == 2);
}

TEST_CASE("from an address of the host's, with limited buffers") {
  Rig rig;
  Service service;
  const IpAddress source = IpAddress::v4({127, 0, 0, 2});
  rig.make({.source = source, .buffers = {.bytes = 8192}}).start({service.address}, 5s);
  CHECK(rig.peer() == service.address);
  const int fd = (*rig.outcome)->fd.get();
  CHECK(local_address(fd)->ip == source);
  int size = 0;
  socklen_t length = sizeof size;
  REQUIRE(getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, &length) == 0);
  CHECK(size == 16384);
}

struct UnixService {
  explicit UnixService(int backlog) {
    char name[] = "/tmp/fairlead-connector-XXXXXX";
    REQUIRE(::mkdtemp(name) != nullptr);
    folder = name;
    path = folder + "/s";
    fd = std::move(*listen_unix(path));
    ::listen(fd.get(), backlog);
  }
  ~UnixService() { std::filesystem::remove_all(folder); }
  void fill() {
    while (true) {
      auto got = connect_unix(path);
      REQUIRE(got.has_value());
      if (!*got) return;
      fillers.push_back(std::move(**got));
    }
  }
  std::string folder;
  std::string path;
  Fd fd;
  std::vector<Fd> fillers;
};

TEST_CASE("a unix socket, and one that is not there") {
  Rig rig;
  UnixService service(4);
  rig.make().start_unix(service.path, 5s);
  CHECK_FALSE(rig.outcome);
  CHECK(rig.peer() == SocketAddress{});
  rig.outcome.reset();
  rig.make().start_unix(service.path + "-not", 5s);
  CHECK_FALSE(rig.outcome);
  CHECK(rig.reason() == Reason::connect_refused);
}

TEST_CASE("a unix socket whose backlog is full is waited for, within the deadline") {
  Rig rig;
  UnixService service(1);
  service.fill();
  rig.make().start_unix(service.path, 20s);
  rig.worker.settle();
  CHECK_FALSE(rig.outcome);
  CHECK(accept_connection(service.fd.get()).value().has_value());
  CHECK(rig.peer() == SocketAddress{});
  service.fill();
  rig.outcome.reset();
  rig.make().start_unix(service.path, 60ms);
  CHECK(rig.reason() == Reason::connect_timeout);
}

TEST_CASE("a full backlog does not make a socket stale") {
  UnixService service(1);
  service.fill();
  const auto second = listen_unix(service.path);
  REQUIRE_FALSE(second.has_value());
  CHECK(second.error().reason == Reason::address_in_use);
}

}  // namespace
}  // namespace fairlead::net
