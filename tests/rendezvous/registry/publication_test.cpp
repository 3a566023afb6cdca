// The feed by itself, and what the registry writes into it.
#include "rendezvous/registry/publication.h"

#include <map>

#include "common/base/random.h"
#include "tests/rendezvous/registry/world.h"

namespace fairlead::rendezvous {
namespace {

EndpointPtr endpoint(const std::string& name, const std::string& service) {
  return std::make_shared<const Endpoint>(Endpoint{.service = service, .name = name});
}

WaysPtr ways(std::vector<std::uint16_t> live_ports = {}) {
  std::vector<DirectEndpoint> direct;
  for (const std::uint16_t port : live_ports) {
    direct.push_back({{*IpAddress::parse("198.51.100.7"), port}, "pcp", DirectEndpoint::State::live, {}, ""});
  }
  return std::make_shared<const Ways>(std::move(direct));
}

// "nas1.web.home=2 nas2.web.home-": usable ways of each, or gone.
std::string text(const std::optional<PublicationChanges>& changes) {
  if (!changes) return "too late";
  std::string out;
  for (const PublicationChange& each : changes->changes) {
    out += out.empty() ? "" : " ";
    out += each.id + (each.now ? "=" + std::to_string(each.now->ways->usable().size()) : "-");
  }
  return out;
}

TEST_CASE("a reader is told each endpoint that changed once, as it is now") {
  Publication feed;
  CHECK(text(feed.changes_since(0)) == "");
  const EndpointPtr nas1 = endpoint("nas1", "web.home");
  const EndpointPtr nas2 = endpoint("nas2", "web.home");
  feed.put(nas1, ways());
  feed.put(nas2, ways());
  feed.put(nas1, ways({7001}));
  CHECK(feed.revision() == 3);
  CHECK(text(feed.changes_since(0)) == "nas2.web.home=1 nas1.web.home=2");
  CHECK(text(feed.changes_since(2)) == "nas1.web.home=2");
  feed.withdraw(*nas2);
  CHECK(text(feed.changes_since(3)) == "nas2.web.home-");
  CHECK(feed.changes_since(3)->revision == 4);
  CHECK(text(feed.changes_since(4)) == "");
  CHECK(text(feed.changes_since(5)) == "too late");  // of another life of the server
}

TEST_CASE("a view stays as it was, and a reader goes on from its revision") {
  Publication feed;
  const EndpointPtr nas1 = endpoint("nas1", "web.home");
  feed.put(nas1, ways());
  const PublicationView view = feed.view();
  feed.put(endpoint("nas2", "web.home"), ways());
  feed.withdraw(*nas1);
  CHECK(view.revision == 1);
  CHECK(view.endpoints.size() == 1);
  CHECK(view.endpoints.find("nas1.web.home") != nullptr);
  CHECK(text(feed.changes_since(view.revision)) == "nas2.web.home=1 nas1.web.home-");
}

TEST_CASE("the log is bounded: who comes later begins anew") {
  Publication feed;
  const EndpointPtr one = endpoint("nas1", "web.home");
  for (std::size_t i = 0; i < kPublicationLog; ++i) feed.put(one, ways());
  CHECK(text(feed.changes_since(0)) == "nas1.web.home=1");
  feed.put(one, ways());
  CHECK(text(feed.changes_since(0)) == "too late");
  CHECK(text(feed.changes_since(1)) == "nas1.web.home=1");
}

TEST_CASE("a reader that follows the feed, with pauses of any length, holds what is there") {
  SeededRng rng(11);
  Publication feed;
  std::map<std::string, EndpointPtr> truth;
  std::map<std::string, PublishedPtr> held;
  Revision seen = 0;
  for (int step = 0; step < 40'000; ++step) {
    const std::string name = "a" + std::to_string(rng.below(300));
    if (truth.contains(name) && rng.below(2) == 0) {
      feed.withdraw(*truth.at(name));
      truth.erase(name);
    } else {
      truth[name] = endpoint(name, "web.home");
      feed.put(truth[name], ways());
    }
    if (rng.below(step < 20'000 ? 20'000 : 50) != 0) continue;
    if (const auto changes = feed.changes_since(seen)) {
      seen = changes->revision;
      for (const PublicationChange& each : changes->changes) {
        held.erase(each.id);
        if (each.now) held[each.id] = each.now;
      }
    } else {
      const PublicationView view = feed.view();
      seen = view.revision;
      held.clear();
      view.endpoints.for_each([&](const PublishedPtr& each) { held[each->id] = each; });
    }
    REQUIRE(held.size() == truth.size());
    for (const auto& [id, each] : held) REQUIRE(truth.at(each->endpoint->name) == each->endpoint);
  }
}

TEST_CASE("the registry publishes what is registered, taken away and replaced") {
  World world;
  const auto nas1 = world.enter("home", "nas1");
  const Publication& feed = world.registry.publication();
  REQUIRE(world.add(nas1, {.claim = 1, .label = "web"}) == "ok");
  REQUIRE(world.add(nas1, {.claim = 2, .label = "api"}) == "ok");
  CHECK(text(feed.changes_since(0)) == "nas1.web.home=1 nas1.api.home=1");
  Revision seen = feed.revision();
  REQUIRE(world.add(nas1, {.claim = 1, .label = "web", .port = 9000}) == "ok");
  CHECK(text(feed.changes_since(seen)) == "nas1.web.home=1");
  CHECK(feed.changes_since(seen)->changes.front().now->endpoint->port == 9000);
  seen = feed.revision();
  CHECK(world.registry.unregister(*nas1, 2, at(world.now)));
  CHECK(text(feed.changes_since(seen)) == "nas1.api.home-");
  seen = feed.revision();
  CHECK(world.registry.close_session(*nas1, at(world.now)));
  CHECK(text(feed.changes_since(seen)) == "nas1.web.home-");
  CHECK(world.registry.published().endpoints.size() == 0);
}

TEST_CASE("a direct address, its change and its loss are told for each service of its session, and nothing else is") {
  World world;
  const auto nas1 = world.enter("home", "nas1");
  const auto nas2 = world.enter("home", "nas2");
  REQUIRE(world.add(nas1, {.claim = 1, .label = "web"}) == "ok");
  REQUIRE(world.add(nas1, {.claim = 2, .label = "api"}) == "ok");
  REQUIRE(world.add(nas2, {.claim = 1, .label = "web"}) == "ok");
  const Publication& feed = world.registry.publication();
  Revision seen = feed.revision();
  DirectEndpoint direct{.address = *SocketAddress::parse("25.1.0.2:40000"), .method = "pcp"};
  const auto told = [&](std::vector<DirectEndpoint> now) {
    world.registry.set_direct(*nas1, std::move(now));
    const auto changes = feed.changes_since(seen);
    seen = feed.revision();
    return text(changes);
  };
  CHECK(told({direct}) == "nas1.api.home=1 nas1.web.home=1");  // verifying: shown, not used
  direct.state = DirectEndpoint::State::live;
  CHECK(told({direct}) == "nas1.api.home=2 nas1.web.home=2");
  CHECK(told({direct}) == "");
  REQUIRE(world.add(nas1, {.claim = 3, .label = "new"}) == "ok");
  CHECK(told({direct}) == "nas1.new.home=2");  // a service that comes later has the way as well
  CHECK(told({}) == "nas1.api.home=1 nas1.new.home=1 nas1.web.home=1");
}

TEST_CASE("another policy is published: other sources as a change, a refused service as a loss") {
  World world;
  const auto nas1 = world.enter("home", "nas1");
  REQUIRE(world.add(nas1, {.claim = 1, .label = "web"}) == "ok");
  const Publication& feed = world.registry.publication();
  Revision seen = feed.revision();
  PolicyRule narrow = default_rule();
  narrow.source = {cidr("10.0.0.0/8")};
  world.registry.replace_policy(Policy({narrow}, "td"), at(world.now));
  CHECK(text(feed.changes_since(seen)) == "nas1.web.home=1");
  CHECK(feed.changes_since(seen)->changes.front().now->endpoint->sources.size() == 1);
  seen = feed.revision();
  narrow.services = {"api.{cluster}"};
  world.registry.replace_policy(Policy({narrow}, "td"), at(world.now));
  CHECK(text(feed.changes_since(seen)) == "nas1.web.home-");
}

}  // namespace
}  // namespace fairlead::rendezvous
