// Who may have a session: policy, takeover, cloned images.

#include "tests/support/doctest.h"
#include "world.h"

namespace fairlead::rendezvous {
namespace {

std::string outcome(const Admission& admission) {
  if (const auto* admitted = std::get_if<Admitted>(&admission)) return admitted->endpoint + "@" + admitted->cluster;
  if (const auto* refused = std::get_if<Refused>(&admission)) return std::string(reason_code(refused->reason));
  if (const auto* over = std::get_if<TookOver>(&admission)) return "over " + over->endpoint + "@" + over->cluster;
  return "probe";
}

struct Claimed : World {
  using World::World;
  std::string admit(const SessionClaim& claim) { return outcome(registry.admit(claim, moment(now))); }
};

TEST_CASE("names left out come from the certificate") {
  Claimed world;
  CHECK(world.admit(world.claim("home", "nas1")) == "nas1@home");
  auto said = world.claim("home", "nas2");
  said.endpoint = "NAS2.";
  said.cluster = "Office";  // allowed: what it may register there is another matter
  CHECK(world.admit(said) == "nas2@office");
  CHECK(world.registry.counters().agents == 2);
}

TEST_CASE("policy decides who may be what") {
  Claimed world;
  auto stranger = world.claim("home", "nas1");
  stranger.spiffe_id = "spiffe://elsewhere/agent/home/nas1";
  CHECK(world.admit(stranger) == "policy_denied");
  auto other = world.claim("home", "nas1");
  other.endpoint = "nas2";
  CHECK(world.admit(other) == "policy_denied");
  for (const std::string bad : {"two.labels", "*", "-x", "a_b", "a b"}) {
    CAPTURE(bad);
    auto claim = world.claim("home", "nas1");
    claim.endpoint = bad;
    CHECK(world.admit(claim) == "config_invalid");
    claim.endpoint = "";
    claim.cluster = bad;
    CHECK(world.admit(claim) == "config_invalid");
  }
  CHECK(world.admit(world.claim("home", "UPPER")) == "config_invalid");
  CHECK(world.registry.counters().agents == 0);
  const Admission refused = world.registry.admit(stranger, moment(0s));
  CHECK(std::get<Refused>(refused).retry_after == kDeniedRetryAfter);
}

TEST_CASE("an identity that may be several endpoints has a session for each") {
  PolicyRule rule = default_rule();
  rule.endpoints = {"*"};
  Claimed world({rule});
  for (const std::string name : {"a", "b"}) {
    auto claim = world.claim("home", "nas1");
    claim.endpoint = name;
    CHECK(world.admit(claim) == std::string(name) + "@home");
  }
  CHECK(world.registry.counters().agents == 2);
}

TEST_CASE("the same boot takes over only with a higher counter") {
  Claimed world;
  const auto first = world.claim("home", "nas1", 1, 5);
  CHECK(world.admit(first) == "nas1@home");
  CHECK(world.admit(world.claim("home", "nas1", 1, 5)) == "superseded");
  CHECK(world.admit(world.claim("home", "nas1", 1, 4)) == "superseded");
  REQUIRE(world.add(first.session, {.label = "web"}) == "ok");
  CHECK(world.route("web.home") == "web.home: nas1");

  const auto second = world.claim("home", "nas1", 1, 6);
  const Admission admission = world.registry.admit(second, moment(0s));
  REQUIRE(outcome(admission) == "over nas1@home");
  CHECK(std::get<TookOver>(admission).old == first.session);
  CHECK(world.route("web.home") == "no_endpoint");
  CHECK(world.add(first.session, {.label = "web"}) == "session_ended");
  CHECK_FALSE(world.registry.close_session(*first.session, at(0s)));
  CHECK(world.add(second.session, {.label = "web"}) == "ok");
  CHECK(world.route("web.home") == "web.home: nas1");
  CHECK(world.registry.counters().agents == 1);
  CHECK(world.registry.counters().takeovers == 1);
}

TEST_CASE("another boot waits for the probe of the old session") {
  Claimed world;
  const auto first = world.claim("home", "nas1", 1, 9);
  CHECK(world.admit(first) == "nas1@home");
  REQUIRE(world.add(first.session, {.label = "web"}) == "ok");
  const auto second = world.claim("home", "nas1", 2, 1);
  const Admission asked = world.registry.admit(second, moment(0s));
  REQUIRE(outcome(asked) == "probe");
  CHECK(std::get<ProbeOld>(asked).held == first.session);
  CHECK(world.route("web.home") == "web.home: nas1");  // nothing is lost by asking

  SUBCASE("it answers: a cloned image") {
    const auto result = world.registry.admit_probed(second, first.session, ProbeOutcome::answered, moment(2s));
    REQUIRE(outcome(result) == "duplicate_identity");
    CHECK(std::get<Refused>(result).retry_after == 60s);
    CHECK(list_sessions(world.registry.view(), {}).rows.front().session->duplicates_refused == 1);
    CHECK(world.registry.counters().duplicates_refused == 1);
    CHECK(world.route("web.home") == "web.home: nas1");
    CHECK(world.add(second.session, {.label = "web"}) == "session_ended");
  }
  SUBCASE("it is silent: taken over") {
    const auto result = world.registry.admit_probed(second, first.session, ProbeOutcome::silent, moment(2s));
    CHECK(outcome(result) == "over nas1@home");
    CHECK(world.add(second.session, {.label = "web"}) == "ok");
    CHECK(list_sessions(world.registry.view(), {}).rows.front().session->session == second.session);
  }
  SUBCASE("it left meanwhile") {
    CHECK(world.registry.close_session(*first.session, at(1s)));
    CHECK(outcome(world.registry.admit_probed(second, first.session, ProbeOutcome::silent, moment(2s))) == "nas1@home");
  }
  SUBCASE("it was replaced meanwhile: the probe says nothing about its successor") {
    const auto third = world.claim("home", "nas1", 1, 10);
    CHECK(world.admit(third) == "over nas1@home");
    const auto result = world.registry.admit_probed(second, first.session, ProbeOutcome::silent, moment(2s));
    REQUIRE(outcome(result) == "probe");
    CHECK(std::get<ProbeOld>(result).held == third.session);
  }
  SUBCASE("policy changed meanwhile") {
    PolicyRule nobody{.agent = "spiffe://td/x/**", .services = {}, .endpoints = {}, .hosts = {}, .source = {}};
    world.registry.replace_policy(Policy({nobody}, "td"), at(1s));
    CHECK(outcome(world.registry.admit_probed(second, first.session, ProbeOutcome::silent, moment(2s))) ==
          "policy_denied");
  }
}

TEST_CASE("the same endpoint name of two identities: two sessions, no takeover") {
  Claimed world;
  CHECK(world.admit(world.claim("home", "nas1")) == "nas1@home");
  CHECK(world.admit(world.claim("office", "nas1", 2)) == "nas1@office");
  CHECK(world.registry.counters().takeovers == 0);
}

TEST_CASE("closing ends what the session had, once") {
  Claimed world;
  const auto claim = world.claim("home", "nas1");
  CHECK_FALSE(world.registry.close_session(*claim.session, at(0s)));
  CHECK(world.admit(claim) == "nas1@home");
  CHECK(world.registry.close_session(*claim.session, at(0s)));
  CHECK_FALSE(world.registry.close_session(*claim.session, at(0s)));
  CHECK(world.registry.counters().agents == 0);
  CHECK(world.admit(world.claim("home", "nas1", 7)) == "nas1@home");
}

TEST_CASE("who is revoked is not let in, and whoever was here is evicted") {
  Claimed world;
  const auto first = world.claim("home", "nas1");
  const auto other = world.claim("home", "nas2");
  CHECK(world.admit(first) == "nas1@home");
  CHECK(world.admit(other) == "nas2@home");
  REQUIRE(world.add(first.session, {.label = "web"}) == "ok");
  const auto gone = world.registry.replace_revoked({"spiffe://td/agent/home/nas1", "spiffe://td/agent/home/x"}, at(1s));
  CHECK(gone == std::vector<std::shared_ptr<Carrier>>{first.session});
  CHECK(world.route("web.home") != "web.home: nas1");
  CHECK(world.registry.counters().agents == 1);
  CHECK(world.admit(world.claim("home", "nas1", 1, 10)) == "identity_revoked");
  CHECK(world.registry.replace_revoked({}, at(2s)).empty());
  CHECK(world.admit(world.claim("home", "nas1", 1, 11)) == "nas1@home");
}

}  // namespace
}  // namespace fairlead::rendezvous
