#include "agent/service/target_dial.h"

#include <filesystem>

#include "tests/agent/service/service_rig.h"

namespace fairlead::agent {
namespace {

using test::ServiceRig;

struct Rig : ServiceRig {
  using ServiceRig::ServiceRig;
  void dial(Target target, Duration limit = 10s, net::SocketBuffers buffers = {}) {
    result.reset();
    made = std::make_unique<TargetDial>(tools(), std::move(target), buffers, [this](Result<net::Connection> got) {
      ++calls;
      if (got) got->fd.retarget(idle);
      result = std::move(got);
    });
    made->start(limit);
    CHECK_FALSE(result);
    CHECK(worker.until([this] { return result.has_value(); }));
    worker.settle();
  }
  Reason reason() const {
    REQUIRE(result);
    REQUIRE_FALSE(result->has_value());
    return result->error().reason;
  }
  struct Idle final : net::PollTarget {
    void on_ready(net::Readiness) override {}
  };
  Idle idle;
  int calls = 0;
  std::optional<Result<net::Connection>> result;
  std::unique_ptr<TargetDial> made;
};

TEST_CASE("an address, a name: connected, told once") {
  Rig rig;
  rig.dial(rig.target());
  REQUIRE(rig.result->has_value());
  CHECK((*rig.result)->peer == rig.address);
  rig.dial(HostPort{"localhost", rig.address.port});  // ::1, too, where nobody listens
  REQUIRE(rig.result->has_value());
  CHECK((*rig.result)->peer == rig.address);
  CHECK(rig.calls == 2);
}

TEST_CASE("why not, in a target's words") {
  Rig rig;
  rig.dial(ServiceRig::closed_target());
  CHECK(rig.reason() == Reason::target_refused);
  rig.dial(HostPort{"255.255.255.255", 9});
  CHECK(rig.reason() == Reason::target_unreachable);
  rig.dial(HostPort{"a..b", 9});
  CHECK(rig.reason() == Reason::target_unreachable);
  rig.dial(UnixPath{"/nonexistent/s"});
  CHECK(rig.reason() == Reason::target_refused);
  CHECK(rig.calls == 4);
}

TEST_CASE("a target that does not answer: one deadline") {
  Rig rig(0);
  std::vector<net::Fd> fillers;
  for (int i = 0; i < 2; ++i) fillers.push_back(std::move(*net::connect_tcp(rig.address)));
  rig.dial(rig.target(), 100ms);
  CHECK(rig.reason() == Reason::target_timeout);
}

TEST_CASE("a unix socket with its backlog full is waited for") {
  Rig rig;
  char name[] = "/tmp/fairlead-dial-XXXXXX";
  REQUIRE(::mkdtemp(name) != nullptr);
  const std::string path = std::string(name) + "/s";
  {
    const net::Fd listener = std::move(*net::listen_unix(path));
    ::listen(listener.get(), 0);
    std::vector<net::Fd> fillers;
    while (true) {
      auto filler = net::connect_unix(path);
      REQUIRE(filler.has_value());
      if (!*filler) break;
      fillers.push_back(std::move(**filler));
    }
    rig.dial(UnixPath{path}, 60ms);
    CHECK(rig.reason() == Reason::target_timeout);
    fillers.clear();
    CHECK(net::accept_connection(listener.get()).value().has_value());
    rig.dial(UnixPath{path});
    CHECK(rig.result->has_value());
  }
  std::filesystem::remove_all(name);
}

TEST_CASE("buffers are limited; a dial that is dropped tells nothing") {
  Rig rig;
  rig.dial(rig.target(), 10s, {.bytes = 8192});
  REQUIRE(rig.result->has_value());
  int size = 0;
  socklen_t length = sizeof size;
  REQUIRE(getsockopt((*rig.result)->fd.get(), SOL_SOCKET, SO_RCVBUF, &size, &length) == 0);
  CHECK(size == 16384);
  for (const Target& target : {rig.target(), Target{HostPort{"localhost", 9}}, Target{UnixPath{"/nonexistent/s"}}}) {
    TargetDial dropped(rig.tools(), target, {}, [](const Result<net::Connection>&) { FAIL("told"); });
    dropped.start(1s);
  }
  rig.worker.settle();
}

}  // namespace
}  // namespace fairlead::agent
