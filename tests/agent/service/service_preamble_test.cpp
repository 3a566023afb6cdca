#include "agent/service/service_preamble.h"

#include "common/net/socket.h"
#include "common/wire/proxy_protocol.h"
#include "tests/common/net/rig.h"

namespace fairlead::agent {
namespace {

const Caller kCaller{*SocketAddress::parse("198.51.100.7:40000"), "web.home", wire::ConnectionId{1, 2, 3}};

TEST_CASE("without proxy_protocol a service gets the client's bytes alone") {
  const auto pair = net::test::tcp_pair();
  const Bytes bytes{1, 2, 3};
  CHECK(service_preamble(ProxyProtocol::off, kCaller, pair.near.get(), bytes) == bytes);
}

TEST_CASE("PROXY v2 says who called, by which name, and which connection this is") {
  const auto pair = net::test::tcp_pair();
  const Bytes out = service_preamble(ProxyProtocol::v2, kCaller, pair.near.get(), Bytes{9});
  const auto parsed = wire::parse_proxy_header(out);
  const auto& done = std::get<wire::Done<wire::ProxyHeader>>(parsed);
  CHECK(done.value.source == kCaller.address);
  CHECK(done.value.destination == net::peer_address(pair.near.get()));
  CHECK(done.value.authority == "web.home");
  CHECK(done.value.unique_id == Bytes(kCaller.connection.begin(), kCaller.connection.end()));
  CHECK(out.size() == done.consumed + 1);
  CHECK(out.back() == 9);
}

TEST_CASE("PROXY v2 says whom TLS that ended here was with") {
  const auto pair = net::test::tcp_pair();
  Caller caller = kCaller;
  caller.verified = {.spiffe_id = "spiffe://mesh.test/client/a", .common_name = "a", .tls_version = "TLSv1.2"};
  const Bytes out = service_preamble(ProxyProtocol::v2, caller, pair.near.get(), {});
  for (const std::string_view part : {"spiffe://mesh.test/client/a", "TLSv1.2", "web.home"}) {
    CHECK(as_text(out).find(part) != std::string_view::npos);
  }
}

TEST_CASE("a caller of another family than the target's is not lost") {
  const auto pair = net::test::tcp_pair();
  const Caller caller{*SocketAddress::parse("[2001:db8::1]:40000"), "web.home", {}};
  for (const auto version : {ProxyProtocol::v1, ProxyProtocol::v2}) {
    const auto parsed = wire::parse_proxy_header(service_preamble(version, caller, pair.near.get(), {}));
    const auto& done = std::get<wire::Done<wire::ProxyHeader>>(parsed);
    CHECK(done.value.source == caller.address);
    CHECK(done.value.destination == net::peer_address(pair.near.get()));
  }
}

TEST_CASE("PROXY v1 for a unix socket names an address of this host") {
  const auto pair = net::test::unix_pair();
  const Bytes out = service_preamble(ProxyProtocol::v1, kCaller, pair.near.get(), {});
  CHECK(as_text(out) == "PROXY TCP4 198.51.100.7 127.0.0.1 40000 0\r\n");
}

}  // namespace
}  // namespace fairlead::agent
