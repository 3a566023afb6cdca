#include "rendezvous/listeners.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <map>

#include "common/net/socket.h"
#include "tests/support/doctest.h"

namespace fairlead::rendezvous {
namespace {

// What a host gives for each address; an address that is not named can be bound.
struct Host {
  std::map<std::string, Error> errors;
  std::vector<std::string> served;
  Patience patience = Patience::no;  // of the last try

  Result<BoundAddress> bind(const SocketAddress& address, ListenManner manner) {
    patience = manner.patience;
    const auto error = errors.find(address.to_string());
    if (error != errors.end()) return tl::unexpected(error->second);
    return BoundAddress{.address = address, .sockets = {}, .lock = {}};
  }
  Listeners listeners(std::vector<std::string> addresses) {
    std::vector<ListenPlan> plans;
    for (const std::string& each : addresses) {
      plans.push_back({*SocketAddress::parse(each), {.accept = {}, .proxy_from = {}, .service = each}});
    }
    return Listeners(
        std::move(plans), [this](const SocketAddress& address, ListenManner manner) { return bind(address, manner); },
        [this](std::vector<net::Fd>, const front::ListenerRules& rules) { served.push_back(rules.service); });
  }
};

struct Folder {
  Folder() {
    char name[] = "/tmp/fairlead-listen-XXXXXX";
    REQUIRE(::mkdtemp(name) != nullptr);
    path = name;
  }
  ~Folder() { std::filesystem::remove_all(path); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::filesystem::path path;
};

const Error kMissing{Reason::address_missing, "not here"};

TEST_CASE("what can be listened on is, whatever the others do") {
  Host host;
  host.errors["192.0.2.1:443"] = kMissing;
  host.errors["[::]:443"] = kMissing;
  Listeners listeners = host.listeners({"192.0.2.1:443", "127.0.0.1:443", "[::]:443"});
  REQUIRE(listeners.open());
  CHECK(host.served == std::vector<std::string>{"127.0.0.1:443"});
  CHECK_FALSE(listeners.complete());
  REQUIRE(listeners.problems().size() == 2);
  CHECK(listeners.problems()[0].reason == Reason::address_missing);
}

TEST_CASE("what appears later is listened on then, once") {
  Host host;
  host.errors["192.0.2.1:443"] = kMissing;
  Listeners listeners = host.listeners({"192.0.2.1:443"});
  REQUIRE(listeners.open());
  CHECK(host.patience == Patience::yes);
  listeners.try_again();
  CHECK(host.patience == Patience::no);  // it runs on the main loop
  CHECK(host.served.empty());
  host.errors["192.0.2.1:443"] = {Reason::address_in_use, "taken meanwhile"};
  listeners.try_again();
  REQUIRE(listeners.problems().size() == 1);
  CHECK(listeners.problems()[0].reason == Reason::address_in_use);
  host.errors.clear();
  listeners.try_again();
  CHECK(host.served == std::vector<std::string>{"192.0.2.1:443"});
  CHECK(listeners.complete());
  listeners.try_again();
  CHECK(host.served.size() == 1);
}

TEST_CASE("an address that another program has, or that is not allowed, ends the start") {
  for (const Reason reason : {Reason::address_in_use, Reason::io_failed}) {
    Host host;
    host.errors["127.0.0.1:80"] = {reason, "no"};
    Listeners listeners = host.listeners({"127.0.0.1:80"});
    const auto opened = listeners.open();
    REQUIRE_FALSE(opened);
    CHECK(opened.error().reason == reason);
  }
}

TEST_CASE("an address this host does not have is missing, not broken") {
  const auto bound = bind_for_workers(*SocketAddress::parse("192.0.2.77:4443"), 2, "/nonexistent");
  REQUIRE_FALSE(bound);
  CHECK(bound.error().reason == Reason::address_missing);
}

SocketAddress free_address() {
  const auto fd = net::listen_tcp(*SocketAddress::parse("127.0.0.1:0"), net::ReusePort::no);
  REQUIRE(fd);
  return *net::local_address(fd->get());
}

TEST_CASE("all workers share an address, and a second server is told who has it") {
  const Folder dir;
  const SocketAddress address = free_address();
  auto first = bind_for_workers(address, 2, dir.path.string());
  REQUIRE(first);
  CHECK(first->sockets.size() == 2);
  const auto second = bind_for_workers(address, 2, dir.path.string());
  REQUIRE_FALSE(second);
  CHECK(second.error().reason == Reason::address_in_use);
  CHECK(second.error().detail.find("process " + std::to_string(::getpid())) != std::string::npos);
  first = tl::unexpected(Error{});
  CHECK(bind_for_workers(address, 2, dir.path.string()));
}

TEST_CASE("a server with another state_dir, or with none, is found by its address") {
  const Folder one;
  const Folder other;
  const SocketAddress address = free_address();
  const auto first = bind_for_workers(address, 1, one.path.string());
  REQUIRE(first);
  for (const std::string& dir : {other.path.string(), std::string("/nonexistent")}) {
    const auto second = bind_for_workers(address, 1, dir);
    REQUIRE_FALSE(second);
    CHECK(second.error().reason == Reason::address_in_use);
  }
}

TEST_CASE("addresses of one server may overlap, in either order, and still keep out others") {
  for (const bool wide_first : {true, false}) {
    const Folder dir;
    const SocketAddress narrow = free_address();
    const SocketAddress wide{*IpAddress::parse("0.0.0.0"), narrow.port};
    std::vector<ListenPlan> plans{{narrow, {}}, {wide, {}}};
    if (wide_first) std::swap(plans[0], plans[1]);
    std::vector<net::Fd> open;
    Listeners listeners(
        plans,
        [&](const SocketAddress& address, ListenManner manner) {
          return bind_for_workers(address, 2, dir.path.string(), manner);
        },
        [&](std::vector<net::Fd> sockets, const front::ListenerRules&) {
          for (net::Fd& each : sockets) open.push_back(std::move(each));
        });
    REQUIRE(listeners.open());
    CHECK(open.size() == 4);
    for (const SocketAddress& each : {narrow, wide}) {
      CHECK_FALSE(bind_for_workers(each, 1, "/nonexistent", {.patience = Patience::no}));
    }
  }
}

TEST_CASE("a lock file that is no file of ours locks nothing and is left alone") {
  const Folder dir;
  const SocketAddress address = free_address();
  const auto link = dir.path / ("listen-" + address.to_string() + ".lock");
  std::filesystem::create_symlink(dir.path / "target", link);
  CHECK(bind_for_workers(address, 1, dir.path.string()));
  CHECK_FALSE(std::filesystem::exists(dir.path / "target"));
}

}  // namespace
}  // namespace fairlead::rendezvous
