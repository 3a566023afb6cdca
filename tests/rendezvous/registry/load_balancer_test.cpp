#include "rendezvous/registry/load_balancer.h"

#include <algorithm>
#include <map>

#include "tests/support/doctest.h"
#include "world.h"

namespace fairlead::rendezvous {
namespace {

std::vector<EndpointPtr> endpoints(std::size_t n) {
  std::vector<EndpointPtr> out;
  for (std::size_t i = 0; i < n; ++i) {
    Endpoint endpoint;
    endpoint.name = std::to_string(i);
    endpoint.load = std::make_shared<EndpointLoad>();
    out.push_back(std::make_shared<const Endpoint>(std::move(endpoint)));
  }
  return out;
}

void busy(const EndpointPtr& endpoint, int relays) {
  for (int i = 0; i < relays; ++i) endpoint->load->on_started();
}
void set_aside(const EndpointPtr& endpoint, TimePoint now) {
  for (int i = 0; i < kFailuresToSetAside; ++i) endpoint->load->on_refused_or_silent(now);
}

std::map<std::string, int> counts(const std::vector<EndpointPtr>& candidates, TimePoint now, int picks = 3000) {
  SeededRng rng(7);
  std::map<std::string, int> out;
  for (int i = 0; i < picks; ++i) ++out[pick(candidates, rng, now)->name];
  return out;
}

TEST_CASE("nothing to pick from") {
  SeededRng rng(1);
  CHECK(pick({}, rng, at(0s)) == nullptr);
  const auto all = endpoints(3);
  const std::vector<const Endpoint*> tried = {all[0].get(), all[1].get(), all[2].get()};
  CHECK(pick(all, rng, at(0s), tried) == nullptr);
}

TEST_CASE("of two the less loaded is always taken") {
  const auto all = endpoints(2);
  busy(all[0], 1);
  CHECK(counts(all, at(0s)) == std::map<std::string, int>{{"1", 3000}});
}

TEST_CASE("equals share alike, whatever their number") {
  for (const std::size_t n : {2U, 3U, 5U, 20U}) {
    CAPTURE(n);
    const auto found = counts(endpoints(n), at(0s));
    CHECK(found.size() == n);
    for (const auto& [name, count] : found) {
      CHECK(count > 3000 / static_cast<int>(n) * 6 / 10);
      CHECK(count < 3000 / static_cast<int>(n) * 15 / 10);
    }
  }
}

TEST_CASE("the most loaded of many is never taken, the least loaded not always") {
  const auto all = endpoints(10);
  for (int i = 0; i < 10; ++i) busy(all[static_cast<std::size_t>(i)], i);
  auto found = counts(all, at(0s));
  CHECK(found["9"] == 0);
  CHECK(found["0"] > found["4"]);
  CHECK(found["0"] < 1500);  // about a fifth: two random ones, not the least of all
}

TEST_CASE("what refuses everybody does not draw everybody") {
  const auto all = endpoints(2);
  busy(all[0], 50);
  all[1]->load->on_refused_or_silent(at(5s));
  CHECK(counts(all, at(6s))["1"] == 0);
  CHECK(counts(all, at(35s))["1"] == 3000);  // tried again
}

TEST_CASE("set aside is taken only when nothing else is left") {
  for (const std::size_t n : {2U, 3U, 40U}) {
    CAPTURE(n);
    const auto all = endpoints(n);
    for (std::size_t i = 1; i < n; ++i) set_aside(all[i], at(5s));
    busy(all[0], 5000);
    CHECK(counts(all, at(6s), 300) == std::map<std::string, int>{{"0", 300}});

    SeededRng rng(3);
    const std::vector<const Endpoint*> tried = {all[0].get()};
    const EndpointPtr left = pick(all, rng, at(6s), tried);
    REQUIRE(left);
    CHECK(left != all[0]);
    CHECK(counts(all, at(36s), 300)["0"] == 0);
  }
}

void fail_clients(const EndpointPtr& endpoint, TimePoint now) {
  for (int i = 0; i < 3; ++i) {
    endpoint->load->on_accepted();
    endpoint->load->on_came_to_nothing(now, Reason::service_ended_early);
  }
}

TEST_CASE("what accepts and closes does not attract everybody") {
  const auto all = endpoints(2);
  busy(all[0], 50);
  fail_clients(all[1], at(5s));
  CHECK(counts(all, at(6s))["1"] == 0);
  CHECK(counts(all, at(36s))["1"] == 3000);  // tried again
}

TEST_CASE("half of the candidates may be left out for what clients got, not more, and never the last") {
  for (const std::size_t n : {4U, 40U}) {
    CAPTURE(n);
    const auto all = endpoints(n);
    for (std::size_t i = 0; i < n * 3 / 8; ++i) fail_clients(all[i], at(5s));
    auto found = counts(all, at(6s));
    for (std::size_t i = 0; i < n * 3 / 8; ++i) CHECK(found[std::to_string(i)] == 0);
    for (std::size_t i = 0; i + 1 < n; ++i) fail_clients(all[i], at(5s));
    found = counts(all, at(6s));
    CHECK(found.size() == n);  // one alone would not bear all of them
    CHECK(found[std::to_string(n - 1)] > 3000 / static_cast<int>(n));
  }
  const auto one = endpoints(1);
  fail_clients(one[0], at(5s));
  CHECK(counts(one, at(6s))["0"] == 3000);
}

TEST_CASE("each is tried once until none is left") {
  const auto all = endpoints(30);
  for (std::size_t i = 0; i < 10; ++i) set_aside(all[i * 3], at(0s));
  SeededRng rng(11);
  std::vector<const Endpoint*> tried;
  while (const EndpointPtr next = pick(all, rng, at(1s), tried)) {
    CHECK(std::ranges::find(tried, next.get()) == tried.end());
    CHECK(next->load->is_set_aside(at(1s)) == (tried.size() >= 20));
    tried.push_back(next.get());
  }
  CHECK(tried.size() == 30);
}

}  // namespace
}  // namespace fairlead::rendezvous
