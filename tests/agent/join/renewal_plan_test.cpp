#include "agent/join/renewal_plan.h"

#include <algorithm>
#include <set>

#include "tests/support/doctest.h"

namespace fairlead::agent {
namespace {

using Due = RenewalPlan::Due;

const WallTime kBegin{std::chrono::seconds(1'800'000'000)};
constexpr std::chrono::days kLife{30};
const TimePoint kNow{1h};

TEST_CASE("it is due between half and two thirds of the life, at a point of its own") {
  SeededRng rng(1);
  std::set<WallTime> points;
  WallTime least = WallTime::max();
  WallTime most{};
  for (int i = 0; i < 1000; ++i) {
    const WallTime at = RenewalPlan(kBegin, kBegin + kLife, rng).due_at();
    points.insert(at);
    least = std::min(least, at);
    most = std::max(most, at);
  }
  CHECK(points.size() > 900);
  CHECK(least >= kBegin + kLife / 2);
  CHECK(least < kBegin + kLife / 2 + 1h);
  CHECK(most < kBegin + kLife * 2 / 3);
  CHECK(most > kBegin + kLife * 2 / 3 - 1h);
}

TEST_CASE("nothing is asked before, and the date is looked at every hour") {
  SeededRng rng(2);
  const RenewalPlan plan(kBegin, kBegin + kLife, rng);
  CHECK(plan.due(kBegin, kNow) == Due::nothing);
  CHECK(plan.next_look(kBegin, kNow) == kNow + kLookAgain);
  CHECK(plan.due(plan.due_at() - 1s, kNow) == Due::nothing);
  CHECK(plan.next_look(plan.due_at() - 1s, kNow) == kNow + 1s);
  CHECK(plan.due(plan.due_at(), kNow) == Due::ask);
  CHECK(plan.next_look(plan.due_at(), kNow) == kNow);
  // A clock that is wrong either way: too early is asked later, too late at once.
  CHECK(plan.next_look(WallTime{}, kNow) == kNow + kLookAgain);
  CHECK(plan.due(kBegin + kLife * 100, kNow) == Due::ask);
}

TEST_CASE("an answer is awaited for its time, and no second one meanwhile") {
  SeededRng rng(3);
  RenewalPlan plan(kBegin, kBegin + kLife, rng);
  plan.on_asked(kNow);
  CHECK(plan.asked());
  CHECK(plan.due(plan.due_at(), kNow) == Due::nothing);
  CHECK(plan.next_look(plan.due_at(), kNow) == kNow + kRenewalAnswer);
  CHECK(plan.due(plan.due_at(), kNow + kRenewalAnswer) == Due::give_up);
  plan.on_failed(std::nullopt, plan.due_at(), kNow + kRenewalAnswer, rng);
  CHECK_FALSE(plan.asked());
}

TEST_CASE("failures wait longer each time, up to an hour") {
  SeededRng rng(4);
  RenewalPlan plan(kBegin, kBegin + kLife, rng);
  TimePoint now = kNow;
  Duration before{};
  for (int i = 0; i < 10; ++i) {
    const Duration wait = plan.on_failed(std::nullopt, plan.due_at(), now, rng);
    CHECK(wait >= std::min<Duration>(30s * (1 << i), kMostRenewalWait / 2));
    CHECK(wait <= std::min<Duration>(1min * (1 << i), kMostRenewalWait));
    CHECK(plan.due(plan.due_at(), now + wait - 1us) == Due::nothing);
    CHECK(plan.next_look(plan.due_at(), now) == now + wait);
    now += wait;
    CHECK(plan.due(plan.due_at(), now) == Due::ask);
    if (i < 5) CHECK(wait > before);
    before = wait;
  }
}

TEST_CASE("near the end it is asked more often, and after the end not for ever at that pace") {
  SeededRng rng(5);
  RenewalPlan plan(kBegin, kBegin + kLife, rng);
  for (int i = 0; i < 10; ++i) plan.on_failed(std::nullopt, plan.due_at(), kNow, rng);
  CHECK(plan.on_failed(std::nullopt, kBegin + kLife - 8min, kNow, rng) <= 1min);
  CHECK(plan.on_failed(std::nullopt, kBegin + kLife - 1s, kNow, rng) <= 1s);
  Duration wait{};
  for (int i = 0; i < 20; ++i) wait = plan.on_failed(std::nullopt, kBegin + kLife, kNow, rng);
  CHECK(wait >= kMostRenewalWait / 2);
}

TEST_CASE("a life of seconds is renewed within it") {
  SeededRng rng(6);
  RenewalPlan plan(kBegin, kBegin + 20s, rng);
  CHECK(plan.due_at() >= kBegin + 10s);
  CHECK(plan.due_at() <= kBegin + 14s);
  CHECK(plan.on_failed(std::nullopt, plan.due_at(), kNow, rng) <= 2s);
}

TEST_CASE("a server may ask for more time, but not for ever") {
  SeededRng rng(7);
  RenewalPlan plan(kBegin, kBegin + kLife, rng);
  CHECK(plan.on_failed(2h, plan.due_at(), kNow, rng) == 2h);
  CHECK(plan.on_failed(24h * 10'000, plan.due_at(), kNow, rng) == kMostAskedWait);
  // Another server may know us before the end of a life of a day.
  RenewalPlan daily(kBegin, kBegin + 24h, rng);
  CHECK(daily.on_failed(24h, daily.due_at(), kNow, rng) == Duration(kBegin + 24h - daily.due_at()) / 2);
  CHECK(daily.on_failed(24h, kBegin + 24h, kNow, rng) == kMostAskedWait);
}

TEST_CASE("a certificate without a life is due at once") {
  SeededRng rng(8);
  CHECK(RenewalPlan(kBegin, kBegin, rng).due(kBegin, kNow) == Due::ask);
  CHECK(RenewalPlan(kBegin, kBegin - 1s, rng).due(kBegin, kNow) == Due::ask);
}

}  // namespace
}  // namespace fairlead::agent
