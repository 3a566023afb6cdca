#include "rendezvous/verify/candidate.h"

#include "tests/support/doctest.h"

namespace fairlead::rendezvous {
namespace {

const TimePoint kStart{1h};
const SocketAddress kAddress = *SocketAddress::parse("25.1.0.2:40000");
const VerifyTiming kTiming{.probe = 2s, .full = 60s};

// A candidate on a clock of its own: what is due is dialled and answered at once.
struct World {
  SeededRng rng{7};
  TimePoint now = kStart;
  Candidate candidate = Candidate::proved(kAddress, "pcp", kStart);
  int fulls = 0;
  int probes = 0;

  // Lets time pass to the next dial; whether the state changed by it.
  bool dial(bool reached) {
    now = std::max(now, candidate.deadline().value());
    const auto kind = candidate.take_dial(now);
    REQUIRE(kind);
    CHECK_FALSE(candidate.take_dial(now));  // one at a time
    ++(*kind == VerifyDial::full ? fulls : probes);
    return candidate.on_dialed(*kind, reached, kTiming, now, rng);
  }
  bool live() const { return candidate.state() == Candidate::State::live; }
};

TEST_CASE("one full check publishes, at once") {
  World world;
  CHECK_FALSE(world.live());
  CHECK(world.dial(true));
  CHECK(world.live());
  CHECK(world.now == kStart);
  CHECK(world.fulls == 1);
}

TEST_CASE("while live: liveness dials, and a full check now and then") {
  World world;
  world.dial(true);
  while (world.now < kStart + 10min) CHECK_FALSE(world.dial(true));
  CHECK(world.live());
  CHECK(world.fulls >= 9);
  CHECK(world.fulls <= 13);
  CHECK(world.probes >= 250);
  CHECK(world.probes <= 350);
}

TEST_CASE("one failed dial of either kind ends it, within a probe interval") {
  World world;
  world.dial(true);
  const TimePoint published = world.now;
  CHECK(world.dial(false));
  CHECK_FALSE(world.live());
  CHECK(world.probes == 1);
  CHECK(world.now - published <= 2200ms);
  CHECK(world.candidate.reason() == Reason::verify_failed);
}

TEST_CASE("coming back takes two full checks in a row, later more; a steady one is forgiven") {
  World world;
  world.dial(true);
  world.dial(false);
  CHECK_FALSE(world.candidate.coming_back());
  CHECK_FALSE(world.dial(true));
  CHECK(world.candidate.coming_back());
  CHECK(world.dial(true));
  CHECK_FALSE(world.candidate.coming_back());
  world.dial(false);
  for (int i = 0; i < 3; ++i) CHECK_FALSE(world.dial(true));
  CHECK_FALSE(world.dial(false));  // not in a row
  for (int i = 0; i < 3; ++i) CHECK_FALSE(world.dial(true));
  CHECK(world.dial(true));
  const TimePoint back = world.now;
  while (world.now < back + kSteadyFor + 5s) world.dial(true);
  world.dial(false);
  CHECK_FALSE(world.dial(true));
  CHECK(world.dial(true));
}

TEST_CASE("what cannot be reached is dialled ever less often, until it is offered again") {
  World world;
  std::vector<Duration> pauses;
  for (int i = 0; i < 12; ++i) {
    const TimePoint before = world.now;
    world.dial(false);
    pauses.push_back(world.now - before);
  }
  CHECK(world.probes == 0);
  CHECK(pauses[1] >= 1800ms);
  CHECK(pauses[1] <= 2200ms);
  CHECK(pauses.back() >= 54s);
  CHECK(pauses.back() <= 66s);
  world.candidate.on_offered_again(world.now);
  CHECK(world.candidate.deadline() == world.now);
}

TEST_CASE("an address elsewhere waits for its proof, and not for ever") {
  Candidate proved = Candidate::unproved(kAddress, "host", kStart);
  CHECK_FALSE(proved.take_dial(kStart + 5s));
  CHECK(proved.deadline() == kStart + kProofPatience);
  proved.on_proof(kStart + 5s);
  CHECK(proved.take_dial(kStart + 5s) == VerifyDial::full);

  Candidate late = Candidate::unproved(kAddress, "host", kStart);
  CHECK_FALSE(late.on_time(kStart + 9s));
  CHECK(late.on_time(kStart + kProofPatience));
  CHECK(late.state() == Candidate::State::denied);
  CHECK(late.reason() == Reason::candidate_unproved);
  late.on_proof(kStart + 11s);
  late.on_offered_again(kStart + 11s);
  CHECK_FALSE(late.take_dial(kStart + 1h));
  CHECK_FALSE(late.deadline());
}

TEST_CASE("a denied one is never dialled") {
  Candidate denied = Candidate::denied(kAddress, "upnp", Reason::candidate_denied);
  denied.on_proof(kStart);
  denied.on_offered_again(kStart);
  CHECK_FALSE(denied.take_dial(kStart + 24h));
  CHECK(denied.reason() == Reason::candidate_denied);
}

TEST_CASE("a dial for which there was no room is due again soon, and says nothing about the endpoint") {
  World world;
  world.dial(true);
  world.now = world.candidate.deadline().value();
  REQUIRE(world.candidate.take_dial(world.now));
  world.candidate.postpone(world.now, world.rng);
  CHECK(world.live());
  CHECK_FALSE(world.candidate.take_dial(world.now));
  CHECK(world.candidate.deadline().value() <= world.now + 600ms);
}

TEST_CASE("what was lost before counts also for a candidate that is offered anew") {
  World world;
  world.candidate.expect(2);
  CHECK_FALSE(world.dial(true));
  CHECK(world.dial(true));
}

}  // namespace
}  // namespace fairlead::rendezvous
