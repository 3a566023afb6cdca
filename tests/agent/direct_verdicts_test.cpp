// What is known of this host's addresses from the verdicts of two servers, at the times that the test tells.
#include "agent/direct_verdicts.h"

#include "tests/agent/session/scripted_session.h"

namespace fairlead::agent {
namespace {

constexpr TimePoint kBegin{1h};
const std::string kFailed(reason_code(Reason::verify_failed));
const std::string kUnproved(reason_code(Reason::candidate_unproved));
const std::string kBusy(reason_code(Reason::verify_busy));

nat::Candidate candidate(std::uint32_t number) {
  return {.number = number, .external = *SocketAddress::parse("25.1.0.2:4000"), .method = "pcp", .local = {}};
}

struct Server : ScriptedSession {
  CandidateOffers offers;
};

struct Rig {
  void offer(const std::vector<nat::Candidate>& all) {
    first.offers.update(all, first.session);
    second.offers.update(all, second.session);
  }
  DirectVerdicts::Judged judge(Server& by, std::uint32_t number, const std::string& code) {
    REQUIRE(by.offers.on_judged(number, code, WallTime{}));
    verdicts.plan(now, both);
    return verdicts.on_judged(candidate(number), code, both);
  }
  std::vector<bool> due() { return verdicts.take_due(now, both); }

  Server first;
  Server second;
  const std::vector<const CandidateOffers*> both{&first.offers, &second.offers};
  TimePoint now = kBegin;
  DirectVerdicts verdicts;
};
using Due = std::vector<bool>;

TEST_CASE("one server that reaches an address is enough") {
  Rig rig;
  rig.offer({candidate(1)});
  CHECK_FALSE(rig.judge(rig.first, 1, kFailed).live);
  CHECK_FALSE(rig.verdicts.was_live(1));
  CHECK(rig.judge(rig.second, 1, "").live);
  CHECK(rig.verdicts.was_live(1));
  const auto facts = rig.verdicts.facts({candidate(1)}, rig.both);
  REQUIRE(facts.size() == 1);
  CHECK(facts[0].live);
  CHECK(facts[0].code == "");
}

TEST_CASE("unreachable is what no server reaches, once all have said so") {
  Rig rig;
  rig.offer({candidate(1)});
  CHECK_FALSE(rig.judge(rig.first, 1, kFailed).unreachable);
  CHECK(rig.judge(rig.second, 1, kUnproved).unreachable);
}

TEST_CASE("a server that it was never offered to is not waited for") {
  Rig rig;
  rig.first.offers.update({candidate(1)}, rig.first.session);
  CHECK(rig.judge(rig.first, 1, kFailed).unreachable);
}

TEST_CASE("codes that say nothing of the mapping do not blame it") {
  for (const Reason reason : {Reason::verify_busy, Reason::candidate_denied}) {
    Rig rig;
    rig.first.offers.update({candidate(1)}, rig.first.session);
    const auto judged = rig.judge(rig.first, 1, std::string(reason_code(reason)));
    CHECK_FALSE(judged.live);
    CHECK_FALSE(judged.unreachable);
  }
}

TEST_CASE("a session that goes takes its verdicts along, but not what was known by them") {
  Rig rig;
  rig.offer({candidate(1), candidate(2)});
  rig.judge(rig.first, 1, "");
  rig.judge(rig.first, 2, kFailed);
  CHECK(DirectVerdicts::all_known({candidate(1), candidate(2)}, rig.both));
  rig.first.offers.clear();
  rig.second.offers.clear();
  CHECK_FALSE(DirectVerdicts::all_known({candidate(1)}, rig.both));
  CHECK(rig.verdicts.was_live(1));
  const auto facts = rig.verdicts.facts({candidate(1), candidate(2)}, rig.both);
  REQUIRE(facts.size() == 2);
  CHECK_FALSE(facts[0].live);  // nobody says so now
  CHECK_FALSE(facts[0].code);
  CHECK(facts[1].code == kFailed);
}

TEST_CASE("what was tried in vain stays a finding when its mapping is given up, until the network changes") {
  Rig rig;
  rig.offer({candidate(1), candidate(2)});
  rig.judge(rig.first, 1, kFailed);
  rig.judge(rig.first, 2, "");
  auto facts = rig.verdicts.facts({}, rig.both);
  REQUIRE(facts.size() == 1);
  CHECK(facts[0].candidate == candidate(1));
  CHECK(facts[0].code == kFailed);
  rig.verdicts.on_network_changed();
  CHECK(rig.verdicts.facts({}, rig.both).empty());
  CHECK(rig.verdicts.was_live(2));
}

TEST_CASE("what was tried in vain and is reached at last is no finding any more, and the other way round") {
  Rig rig;
  rig.offer({candidate(1)});
  rig.judge(rig.first, 1, kFailed);
  rig.judge(rig.first, 1, "");
  CHECK(rig.verdicts.facts({}, rig.both).empty());
  rig.judge(rig.first, 1, kFailed);
  CHECK_FALSE(rig.verdicts.was_live(1));
  CHECK(rig.verdicts.facts({}, rig.both).size() == 1);
}

TEST_CASE("nothing that may change: nothing is asked again") {
  Rig rig;
  rig.offer({candidate(1)});
  CHECK_FALSE(rig.verdicts.deadline(rig.both));
  rig.judge(rig.first, 1, kFailed);
  CHECK_FALSE(rig.verdicts.deadline(rig.both));
  rig.now += 1h;
  CHECK(rig.due() == Due{false, false});
}

TEST_CASE("a server that had no time is asked each second, and only that server") {
  Rig rig;
  rig.offer({candidate(1)});
  rig.judge(rig.second, 1, kBusy);
  for (int i = 0; i < 3; ++i) {
    CHECK(rig.verdicts.deadline(rig.both) == rig.now + kOfferAgain);
    rig.now += kOfferAgain - 1ms;
    CHECK(rig.due() == Due{false, false});
    rig.now += 1ms;
    CHECK(rig.due() == Due{false, true});
  }
  rig.judge(rig.second, 1, "");
  CHECK_FALSE(rig.verdicts.deadline(rig.both));
}

TEST_CASE("a proof that failed is tried ever less often, and from the beginning once none fails") {
  Rig rig;
  rig.offer({candidate(1)});
  rig.judge(rig.first, 1, kUnproved);
  for (const Duration wait : {1min, 2min, 4min, 8min, 10min, 10min}) {
    CHECK(rig.verdicts.deadline(rig.both) == rig.now + wait);
    rig.now += wait - 1ms;
    rig.verdicts.plan(rig.now, rig.both);  // something else changed: the time stands
    CHECK(rig.due() == Due{false, false});
    rig.now += 1ms;
    CHECK(rig.due() == Due{true, false});
  }
  rig.judge(rig.first, 1, "");
  CHECK_FALSE(rig.verdicts.deadline(rig.both));
  rig.judge(rig.first, 1, kUnproved);
  CHECK(rig.verdicts.deadline(rig.both) == rig.now + kProveAgain);
}

TEST_CASE("of two servers that are to be asked again, each has its own time") {
  Rig rig;
  rig.offer({candidate(1)});
  rig.judge(rig.first, 1, kUnproved);
  rig.judge(rig.second, 1, kBusy);
  CHECK(rig.verdicts.deadline(rig.both) == rig.now + kOfferAgain);
  rig.now += kOfferAgain;
  CHECK(rig.due() == Due{false, true});
  rig.second.offers.clear();
  CHECK(rig.verdicts.deadline(rig.both) == kBegin + kProveAgain);
  rig.now = kBegin + kProveAgain;
  CHECK(rig.due() == Due{true, false});
}

}  // namespace
}  // namespace fairlead::agent
