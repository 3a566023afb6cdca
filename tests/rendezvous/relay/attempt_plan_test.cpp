#include "rendezvous/relay/attempt_plan.h"

#include <set>

#include "tests/rendezvous/relay/toy_carrier.h"
#include "tests/support/doctest.h"

namespace fairlead::rendezvous {
namespace {

using RouteAgain = AttemptPlan::RouteAgain;
using GiveUp = AttemptPlan::GiveUp;
using Repeat = AttemptPlan::Repeat;

TimePoint at(Duration since_start) {
  return TimePoint(since_start);
}

// A service of n endpoints, and one client's plan that began at 100 s.
struct Fixture {
  explicit Fixture(std::size_t endpoints, Repeat repeat = Repeat::anywhere, std::size_t places = 10)
      : plan({.channel_wait = 10s, .answer_timeout = 2s, .agents_back = at(30s)}, at(100s), repeat) {
    auto entry = std::make_shared<NameEntry>();
    entry->service = "web.home";
    for (std::size_t i = 0; i < endpoints; ++i) {
      Endpoint endpoint;
      endpoint.name = std::to_string(i);
      endpoint.sources = {*Cidr::parse("192.0.2.0/24")};
      endpoint.carrier = std::make_shared<ToyCarrier>(places);
      endpoint.load = std::make_shared<EndpointLoad>();
      entry->endpoints.push_back(std::make_shared<const Endpoint>(std::move(endpoint)));
    }
    route = {Route::Kind::service, Reason::completed, std::move(entry)};
  }
  AttemptPlan::Step begin(TimePoint now = at(100s)) { return plan.on_route(route, client, now, rng); }
  Attempt attempt(AttemptPlan::Step step) {
    REQUIRE(std::holds_alternative<Attempt>(step));
    return std::move(std::get<Attempt>(step));
  }
  static Reason reason_of(const AttemptPlan::Step& step) {
    REQUIRE(std::holds_alternative<GiveUp>(step));
    return std::get<GiveUp>(step).reason;
  }

  SeededRng rng{3};
  IpAddress client = *IpAddress::parse("192.0.2.1");
  Route route;
  AttemptPlan plan;
};

TEST_CASE("each endpoint refuses once, then the last reason is the client's") {
  Fixture f(5);
  std::set<std::string> seen;
  AttemptPlan::Step step = f.begin();
  while (std::holds_alternative<Attempt>(step)) {
    Attempt attempt = f.attempt(std::move(step));
    CHECK(seen.insert(attempt.endpoint->name).second);
    step = f.plan.on_failed(std::move(attempt), Reason::target_refused, at(101s), f.rng);
  }
  CHECK(seen.size() == 5);
  CHECK(f.reason_of(step) == Reason::target_refused);
}

TEST_CASE("silence moves on while others are left, then stays until the patience is over") {
  Fixture f(2);
  Attempt first = f.attempt(f.begin());
  const std::string name = first.endpoint->name;
  Attempt second = f.attempt(f.plan.on_silent(std::move(first), at(102s), f.rng));
  CHECK(second.endpoint->name != name);
  Attempt again = f.attempt(f.plan.on_silent(std::move(second), at(104s), f.rng));
  CHECK(again.endpoint->name != name);
  CHECK(again.endpoint->load->failures() == 1);
  CHECK(f.reason_of(f.plan.on_silent(std::move(again), at(110s), f.rng)) == Reason::no_answer);
}

TEST_CASE("a client is asked for eight times at most") {
  Fixture f(1);
  Attempt attempt = f.attempt(f.begin());
  for (int i = 0; i < kMostRequests - 1; ++i) {
    f.plan.on_request_sent();
    attempt = f.attempt(f.plan.on_silent(std::move(attempt), at(100s), f.rng));
  }
  f.plan.on_request_sent();
  CHECK(f.reason_of(f.plan.on_silent(std::move(attempt), at(100s), f.rng)) == Reason::no_answer);
}

TEST_CASE("early data stays with the endpoint that may have got it") {
  Fixture f(3, Repeat::same_endpoint);
  Attempt first = f.attempt(f.begin());
  const std::string name = first.endpoint->name;
  Attempt again = f.attempt(f.plan.on_silent(std::move(first), at(102s), f.rng));
  CHECK(again.endpoint->name == name);
  SUBCASE("an answer that cannot be believed ends it") {
    CHECK(f.reason_of(f.plan.on_unbelievable(std::move(again), Reason::answer_forged, at(103s), f.rng)) ==
          Reason::answer_forged);
  }
  SUBCASE("a refusal says that nothing was taken") {
    const auto other = f.attempt(f.plan.on_failed(std::move(again), Reason::target_refused, at(103s), f.rng));
    CHECK(other.endpoint->name != name);
  }
}

TEST_CASE("without early data an unbelievable answer sends the client elsewhere") {
  Fixture f(2);
  Attempt first = f.attempt(f.begin());
  const std::string name = first.endpoint->name;
  Attempt next = f.attempt(f.plan.on_unbelievable(std::move(first), Reason::answer_forged, at(101s), f.rng));
  CHECK(next.endpoint->name != name);
}

TEST_CASE("an endpoint whose session ended may come back, one that refused will not be asked again") {
  Fixture f(1);
  const auto step = f.plan.on_failed(f.attempt(f.begin()), Reason::no_endpoint, at(101s), f.rng);
  REQUIRE(std::holds_alternative<RouteAgain>(step));
  CHECK(std::get<RouteAgain>(step).at == at(101s) + kRouteAgain);
  Fixture returned(1);  // another registration, so another endpoint
  f.route = returned.route;
  const Attempt attempt = f.attempt(f.begin(at(102s)));
  CHECK(attempt.endpoint == returned.route.candidates()[0]);

  Fixture refused(1);
  CHECK(refused.reason_of(refused.plan.on_failed(refused.attempt(refused.begin()), Reason::target_refused, at(101s),
                                                 refused.rng)) == Reason::target_refused);
}

TEST_CASE("nothing begins once the client has waited long enough") {
  Fixture f(2);
  Attempt first = f.attempt(f.begin(at(109s)));
  CHECK(f.reason_of(f.plan.on_failed(std::move(first), Reason::target_refused, at(110s), f.rng)) ==
        Reason::target_refused);
}

TEST_CASE("an unknown name is waited for only where somebody is expected") {
  Fixture f(0);
  f.route = {};
  CHECK(f.reason_of(f.begin()) == Reason::unknown_name);
  CHECK(std::holds_alternative<RouteAgain>(f.begin(at(29s))));  // agents are still on their way back
  f.route = {Route::Kind::refused, Reason::alpn_required, nullptr};
  CHECK(f.reason_of(f.begin(at(29s))) == Reason::alpn_required);

  auto gone = std::make_shared<NameEntry>();
  gone->expected_until = at(105s);
  f.route = {Route::Kind::refused, Reason::no_endpoint, std::move(gone)};
  CHECK(std::holds_alternative<RouteAgain>(f.begin(at(104s))));
  CHECK(f.reason_of(f.begin(at(105s))) == Reason::no_endpoint);
}

TEST_CASE("places and sources are limits") {
  Fixture full(2, Repeat::anywhere, 0);
  CHECK(full.reason_of(full.begin()) == Reason::relays_per_agent);
  Fixture stranger(2);
  stranger.client = *IpAddress::parse("198.51.100.1");
  CHECK(stranger.reason_of(stranger.begin()) == Reason::source_denied);
}

TEST_CASE("a failed attempt gives its place back before the next one is taken") {
  Fixture f(1, Repeat::anywhere, 1);
  Attempt attempt = f.attempt(f.begin());
  CHECK(f.route.candidates()[0]->load->live() == 1);
  attempt = f.attempt(f.plan.on_silent(std::move(attempt), at(101s), f.rng));
  CHECK(f.route.candidates()[0]->load->live() == 1);
  f.plan.on_failed(std::move(attempt), Reason::target_refused, at(101s), f.rng);
  CHECK(f.route.candidates()[0]->load->live() == 0);
}

TEST_CASE("a channel is waited for as long as nothing better is left") {
  Fixture alone(1);
  const Attempt only = alone.attempt(alone.begin());
  CHECK(alone.plan.channel_due(at(101s)) == at(110s));
  Fixture two(2);
  const Attempt one = two.attempt(two.begin());
  CHECK(two.plan.channel_due(at(101s)) == at(103s));
  CHECK(two.plan.channel_due(at(109s)) == at(110s));
  CHECK(two.plan.answer_due(at(101s), 10ms) == at(103s));
  CHECK(two.plan.answer_due(at(101s), 1s) == at(104s));
}

}  // namespace
}  // namespace fairlead::rendezvous
