#include "rendezvous/control/registry_owner.h"

#include "common/net/loop.h"
#include "rendezvous/registry/listing.h"
#include "tests/common/net/rig.h"
#include "tests/rendezvous/registry/world.h"

namespace fairlead::rendezvous {
namespace {

// A session's end that keeps what it is told.
struct HeardEnd final : SessionEnd {
  void on_admitted() override { said.push_back("admitted"); }
  void on_refused(Reason reason, Duration /*retry_after*/, const std::string& /*detail*/) override {
    said.push_back("refused " + std::string(reason_code(reason)));
  }
  void on_registered(wire::Registered message) override { said.push_back("registered " + message.service); }
  void on_claim_refused(std::uint32_t claim, Reason reason, Duration /*retry_after*/,
                        const std::string& /*detail*/) override {
    said.push_back("claim " + std::to_string(claim) + " " + std::string(reason_code(reason)));
  }
  void on_demand() override {}
  void probe(Duration /*within*/) override { said.push_back("probe"); }
  void on_relay_ended(const wire::ConnectionId& /*connection*/, Reason /*reason*/) override {}
  void on_proof(const wire::Nonce& /*nonce*/, const IpAddress& /*from*/) override {}
  void on_renewed(const wire::Renewed& /*answer*/) override {}
  std::vector<std::string> said;
};

struct OwnerRig final : SessionHome {
  void tell(std::uint64_t number, std::function<void(SessionEnd&)> message) override { message(ends[number]); }
  // Whether that session was told this, and lately.
  bool told(std::uint64_t number, const std::string& what) {
    return worker.until([&] { return !ends[number].said.empty() && ends[number].said.back() == what; });
  }
  void hello(std::uint64_t number, const SessionClaim& claim) { owner.post_hello({this, number}, claim); }
  void add(std::uint64_t number, const SessionClaim& claim, const Service& service) {
    owner.post_register({this, number}, claim.session, service.request());
  }
  std::string route(std::string_view sni) { return World::text(reader.current().route(sni, kIstio)); }
  static ToyCarrier& toy(const SessionClaim& claim) { return static_cast<ToyCarrier&>(*claim.session); }

  net::test::Worker worker;
  std::map<std::uint64_t, HeardEnd> ends;
  World world;  // makes claims
  SnapshotCell routes{std::make_shared<const Snapshot>(route::NameTable(), std::make_shared<const OwnNames>())};
  SnapshotReader reader{routes};
  RegistryOwner owner{
      worker.loop, routes, Registry(Policy({default_rule()}, "td"), OwnNames({"rv.test"}, {}), {}), {"192.0.2.1:443"}};
};

TEST_CASE("registered is said only when every worker can see it") {
  OwnerRig rig;
  const SessionClaim nas = rig.world.claim("home", "nas1");
  rig.hello(1, nas);
  REQUIRE(rig.told(1, "admitted"));
  rig.add(1, nas, {.claim = 1, .label = "web"});
  std::string seen_before = rig.route("web.home");
  REQUIRE(rig.worker.until([&] {
    if (rig.ends[1].said.back() == "registered web.home") return true;
    seen_before = rig.route("web.home");
    return false;
  }));
  CHECK(rig.route("web.home") == "web.home: nas1");
}

TEST_CASE("a host that policy denies is left out, and the service is registered without it") {
  OwnerRig rig;
  const SessionClaim nas = rig.world.claim("home", "nas1");
  rig.hello(1, nas);
  rig.add(1, nas, {.claim = 4, .label = "web", .host = "web.default.svc.cluster.local"});
  CHECK(rig.told(1, "registered web.home"));
  CHECK(rig.route("web.default.svc.cluster.local") == "unknown_name");
}

TEST_CASE("the same boot takes over at once; another one waits for the probe of the old") {
  OwnerRig rig;
  const SessionClaim old = rig.world.claim("home", "nas1", 1, 1);
  rig.hello(1, old);
  REQUIRE(rig.told(1, "admitted"));
  rig.hello(2, rig.world.claim("home", "nas1", 1, 2));
  CHECK(rig.told(1, "refused superseded"));
  CHECK(rig.told(2, "admitted"));
  rig.hello(3, rig.world.claim("home", "nas1", 9, 1));
  CHECK(rig.told(2, "probe"));
  CHECK(rig.ends[3].said.empty());
}

TEST_CASE("the old session answers its probe: the newcomers are refused") {
  OwnerRig rig;
  const SessionClaim old = rig.world.claim("home", "nas1", 1);
  rig.hello(1, old);
  rig.hello(2, rig.world.claim("home", "nas1", 2));
  rig.hello(3, rig.world.claim("home", "nas1", 3));
  REQUIRE(rig.told(1, "probe"));
  rig.owner.post_probe_answered(old.session);
  CHECK(rig.told(2, "refused duplicate_identity"));
  CHECK(rig.told(3, "refused duplicate_identity"));
}

TEST_CASE("the old session ends while it is probed: the newcomer has its place") {
  OwnerRig rig;
  const SessionClaim old = rig.world.claim("home", "nas1", 1);
  rig.hello(1, old);
  rig.hello(2, rig.world.claim("home", "nas1", 2));
  REQUIRE(rig.told(1, "probe"));
  rig.owner.post_closed(old.session);
  CHECK(rig.told(2, "admitted"));
}

TEST_CASE("a newcomer whose connection broke while it waited is not kept") {
  OwnerRig rig;
  const SessionClaim old = rig.world.claim("home", "nas1", 1);
  const SessionClaim gone = rig.world.claim("home", "nas1", 2);
  rig.hello(1, old);
  rig.hello(2, gone);
  REQUIRE(rig.told(1, "probe"));
  OwnerRig::toy(gone).is_over = true;
  rig.owner.post_closed(gone.session);
  rig.owner.post_closed(old.session);
  REQUIRE(rig.worker.until([&] { return rig.owner.registry().counters().agents == 0; }));
  CHECK(rig.ends[2].said.empty());
}

TEST_CASE("an end withdraws what the session had") {
  OwnerRig rig;
  const SessionClaim nas = rig.world.claim("home", "nas1");
  rig.hello(1, nas);
  rig.add(1, nas, {.claim = 1, .label = "web"});
  REQUIRE(rig.told(1, "registered web.home"));
  rig.owner.post_closed(nas.session);
  CHECK(rig.worker.until([&] { return rig.route("web.home") != "web.home: nas1"; }));
}

TEST_CASE("a new policy: what it denies is told to who had it") {
  OwnerRig rig;
  const SessionClaim nas = rig.world.claim("home", "nas1");
  rig.hello(1, nas);
  rig.add(1, nas, {.claim = 1, .label = "web"});
  REQUIRE(rig.told(1, "registered web.home"));
  PolicyRule office = default_rule();
  office.agent = "spiffe://{trust_domain}/agent/office/{name}";
  office.services = {"*.office"};
  rig.owner.replace_policy(Policy({office}, "td"));
  CHECK(rig.told(1, "refused policy_denied"));
  CHECK(rig.worker.until([&] { return rig.route("web.home") != "web.home: nas1"; }));
}

TEST_CASE("who is revoked is told so, and is not there any more") {
  OwnerRig rig;
  const SessionClaim nas = rig.world.claim("home", "nas1");
  rig.hello(1, nas);
  rig.add(1, nas, {.claim = 1, .label = "web"});
  REQUIRE(rig.told(1, "registered web.home"));
  rig.owner.replace_revoked({nas.spiffe_id});
  CHECK(rig.told(1, "refused identity_revoked"));
  CHECK(rig.worker.until([&] { return rig.route("web.home") != "web.home: nas1"; }));
}

}  // namespace
}  // namespace fairlead::rendezvous
