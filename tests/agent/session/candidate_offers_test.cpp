// The candidates that one session has offered, over a session whose far end is the test.
#include "agent/session/candidate_offers.h"

#include "tests/agent/session/scripted_session.h"

namespace fairlead::agent {
namespace {

constexpr WallTime kWall{std::chrono::seconds(1'900'000'000)};

nat::Candidate candidate(std::uint32_t number, const std::string& address = "25.1.0.2:4000") {
  return {.number = number, .external = *SocketAddress::parse(address), .method = "pcp", .local = {}};
}

std::vector<std::uint32_t> numbers(const std::vector<wire::EndpointCandidate>& said) {
  std::vector<std::uint32_t> out;
  for (const auto& each : said) out.push_back(each.candidate);
  return out;
}
using Numbers = std::vector<std::uint32_t>;

struct Rig : ScriptedSession {
  Numbers offered(const std::vector<nat::Candidate>& wanted) {
    offers.update(wanted, session);
    return numbers(said_only<wire::EndpointCandidate>());
  }
  CandidateOffers offers;
};

TEST_CASE("what is new is offered, and once") {
  Rig rig;
  CHECK(rig.offered({candidate(1), candidate(2)}) == Numbers{1, 2});
  rig.offers.on_judged(1, "", kWall);
  rig.offers.on_judged(2, "", kWall);
  CHECK(rig.offered({candidate(1), candidate(2)}).empty());
  CHECK(rig.offered({candidate(1), candidate(2), candidate(3)}) == Numbers{3});
}

TEST_CASE("another address under the number takes its place and is judged anew") {
  Rig rig;
  rig.offered({candidate(1)});
  rig.offers.on_judged(1, "", kWall);
  CHECK(rig.offers.first_live() != nullptr);
  CHECK(rig.offered({candidate(1, "25.1.0.3:4000")}) == Numbers{1});
  CHECK(rig.offers.first_live() == nullptr);
  CHECK_FALSE(rig.offers.find(1)->verdict);
  CHECK(rig.offers.find(1)->candidate.external.to_string() == "25.1.0.3:4000");
}

TEST_CASE("what was judged unreachable is offered again: it may have been repaired") {
  Rig rig;
  rig.offered({candidate(1), candidate(2)});
  rig.offers.on_judged(1, "verify_failed", kWall);
  rig.offers.on_judged(2, "", kWall);
  CHECK(rig.offered({candidate(1), candidate(2)}) == Numbers{1});
}

TEST_CASE("what is gone is withdrawn") {
  Rig rig;
  rig.offered({candidate(1), candidate(2)});
  rig.offers.update({candidate(2)}, rig.session);
  const auto withdrawn = rig.said_only<wire::CandidateWithdrawn>();
  REQUIRE(withdrawn.size() == 1);
  CHECK(withdrawn[0].candidate == 1);
  CHECK(rig.offers.find(1) == nullptr);
  CHECK_FALSE(rig.offers.on_judged(1, "", kWall));
}

TEST_CASE("a verdict is news when it differs, and its time is that of the change") {
  Rig rig;
  rig.offered({candidate(1)});
  CHECK(rig.offers.on_judged(1, "verify_failed", kWall));
  CHECK_FALSE(rig.offers.on_judged(1, "verify_failed", kWall + 60s));
  CHECK(rig.offers.find(1)->since == kWall);
  CHECK(rig.offers.on_judged(1, "", kWall + 90s));
  CHECK(rig.offers.find(1)->since == kWall + 90s);
  CHECK(rig.offers.find(1)->live());
}

TEST_CASE("no more are offered than a session may") {
  Rig rig;
  std::vector<nat::Candidate> many;
  for (std::uint32_t i = 1; i <= core::kMaxCandidates + 3; ++i) many.push_back(candidate(i));
  CHECK(rig.offered(many).size() == core::kMaxCandidates);
  many.erase(many.begin());
  rig.offers.update(many, rig.session);
  CHECK(rig.offers.all().size() == core::kMaxCandidates);
  CHECK(rig.offers.find(core::kMaxCandidates + 1) != nullptr);
}

}  // namespace
}  // namespace fairlead::agent
