#include "agent/resource/caller_rule.h"

#include "common/wire/proxy_protocol.h"
#include "tests/support/doctest.h"

namespace fairlead::agent {
namespace {

ServiceConfig allowing(std::vector<std::string> allow) {
  ServiceConfig out;
  out.name = "db";
  out.tls = Tls::terminate;
  out.allow = std::move(allow);
  return out;
}

tls::PeerIdentity called(std::string id) {
  tls::PeerIdentity out;
  out.spiffe_id = std::move(id);
  return out;
}

bool lets_in(const ServiceConfig& service, const std::string& id, std::string_view cluster = "home") {
  return CallerRule(service, "mesh.test", cluster).judge(called(id)).has_value();
}

TEST_CASE("by default the agents of the same cluster, and nobody else") {
  const ServiceConfig service = allowing(ServiceConfig().allow);
  CHECK(lets_in(service, "spiffe://mesh.test/agent/home/nas1"));
  for (const char* other :
       {"spiffe://mesh.test/agent/office/nas1", "spiffe://other.test/agent/home/nas1", "spiffe://mesh.test/agent/home",
        "spiffe://mesh.test/agent/home/a/b", "spiffe://mesh.test/client/alice", "spiffe://mesh.test/rendezvous/rv1"}) {
    CAPTURE(other);
    CHECK_FALSE(lets_in(service, other));
  }
}

TEST_CASE("where the cluster is not known, none is ours") {
  CHECK_FALSE(lets_in(allowing({"cluster"}), "spiffe://mesh.test/agent/home/nas1", ""));
}

TEST_CASE("everybody of the mesh, and patterns") {
  CHECK(lets_in(allowing({"mesh"}), "spiffe://other.test/x"));
  const ServiceConfig patterns = allowing({"spiffe://{trust_domain}/client/*", "spiffe://partner.test/**"});
  CHECK(lets_in(patterns, "spiffe://mesh.test/client/alice"));
  CHECK(lets_in(patterns, "spiffe://partner.test/ns/a/sa/b"));
  CHECK_FALSE(lets_in(patterns, "spiffe://partner.test.evil/ns/a/sa/b"));
  CHECK_FALSE(lets_in(patterns, "spiffe://other.test/client/alice"));
  CHECK_FALSE(lets_in(patterns, "spiffe://mesh.test/client/alice/x"));
  CHECK_FALSE(lets_in(patterns, "spiffe://mesh.test/agent/home/nas1"));
}

TEST_CASE("a denial holds the line to write") {
  const auto denied = CallerRule(allowing({"cluster"}), "mesh.test", "home").judge(called("spiffe://mesh.test/c/a"));
  REQUIRE_FALSE(denied);
  CHECK(denied.error().reason == Reason::caller_denied);
  CHECK(denied.error().detail ==
        "spiffe://mesh.test/c/a is not allowed; to allow it, write into [[service]] db: "
        "allow = [\"cluster\", \"spiffe://mesh.test/c/a\"]");
}

TEST_CASE("an identity that the service could not be told is refused") {
  ServiceConfig service = allowing({"mesh"});
  const auto id = [](std::size_t size) { return "spiffe://a/" + std::string(size - 11, 'x'); };
  CHECK(lets_in(service, id(2000)));
  service.proxy_protocol = ProxyProtocol::v2;
  CHECK(lets_in(service, id(wire::kMaxProxyIdentity)));
  CHECK(CallerRule(service, "a", "").judge(called(id(wire::kMaxProxyIdentity + 1))).error().reason ==
        Reason::identity_too_long);
}

}  // namespace
}  // namespace fairlead::agent
