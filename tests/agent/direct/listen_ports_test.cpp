#include "agent/direct/listen_ports.h"

#include <unistd.h>

#include <set>

#include "common/net/socket.h"
#include "tests/support/doctest.h"

namespace fairlead::agent {
namespace {

const SocketAddress kV4{*IpAddress::parse("127.0.0.1"), 0};
const SocketAddress kV6{*IpAddress::parse("::1"), 0};

// Of this run alone: two of them may be under way on one host.
std::string name_of_run(std::string_view what) {
  return std::string(what) + std::to_string(::getpid());
}

bool has_ipv6() {
  return net::listen_tcp(kV6, net::ReusePort::no).has_value();
}

TEST_CASE("ports follow from the name and stay within their range") {
  CHECK(listen_ports("nas1") == listen_ports("nas1"));
  CHECK(listen_ports("nas1") != listen_ports("nas2"));
  // Published by forwardings that people made: never to change. (SHA-256 of the name, two bytes each.)
  CHECK(listen_ports("nas1")[0] == 13915);
  for (const char* name : {"", "a", "nas1", "a-very-long-name-of-an-agent"}) {
    for (const std::uint16_t port : listen_ports(name)) {
      CHECK(port >= kFirstListenPort);
      CHECK(port <= kLastListenPort);
    }
  }
}

TEST_CASE("both families get one port, the first that is free for both") {
  if (!has_ipv6()) return;
  const std::string name = name_of_run("both");
  auto first = bind_listeners({kV4, kV6}, name);
  REQUIRE(first.has_value());
  REQUIRE(first->size() == 2);
  CHECK((*first)[0].address.port == (*first)[1].address.port);
  CHECK(net::local_address((*first)[0].fd.get()) == (*first)[0].address);
  CHECK(net::local_address((*first)[1].fd.get()) == (*first)[1].address);

  const auto second = bind_listeners({kV4, kV6}, name);
  REQUIRE(second.has_value());
  REQUIRE(second->size() == 2);
  CHECK((*second)[0].address.port == (*second)[1].address.port);
  CHECK((*second)[0].address.port != (*first)[0].address.port);

  const std::uint16_t before = first->front().address.port;
  first->clear();  // after a restart it comes back to the same one
  const auto again = bind_listeners({kV4, kV6}, name);
  REQUIRE(again.has_value());
  CHECK((*again)[0].address.port == before);
  CHECK((*again)[1].address.port == before);
}

TEST_CASE("where no port is free for both, each gets its own") {
  if (!has_ipv6()) return;
  const std::string name = name_of_run("apart");
  std::vector<net::Fd> taken;
  const auto ports = listen_ports(name);
  // IPv4 is free at the last one only, IPv6 everywhere else.
  std::set<std::uint16_t> seen;
  for (const std::uint16_t port : ports) {
    if (!seen.insert(port).second) return;  // two alike: this name cannot show it
    auto fd = net::listen_tcp({port == ports.back() ? kV6.ip : kV4.ip, port}, net::ReusePort::no);
    if (!fd) return;  // somebody else's
    taken.push_back(std::move(*fd));
  }
  const auto bound = bind_listeners({kV4, kV6}, name);
  REQUIRE(bound.has_value());
  REQUIRE(bound->size() == 2);
  CHECK((*bound)[0].address.port == ports.back());
  CHECK((*bound)[1].address.port != ports.back());
}

TEST_CASE("a configured port is taken or left out, and an address of another host too") {
  const auto holder = net::listen_tcp(kV4, net::ReusePort::no);
  REQUIRE(holder.has_value());
  const SocketAddress held = *net::local_address(holder->get());
  const auto refused = bind_listeners({held}, "nas1");
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().reason == Reason::address_in_use);

  const SocketAddress foreign = *SocketAddress::parse("192.0.2.1:0");
  CHECK(bind_listeners({foreign}, "nas1").error().reason == Reason::address_missing);
  CHECK_FALSE(bind_listeners({}, "nas1").has_value());

  const auto left = bind_listeners({foreign, held, kV4}, name_of_run("left"));
  REQUIRE(left.has_value());
  REQUIRE(left->size() == 1);
  CHECK(left->front().address.ip == kV4.ip);
}

}  // namespace
}  // namespace fairlead::agent
