#include "rendezvous/registry/listing.h"

#include "tests/support/doctest.h"
#include "world.h"

namespace fairlead::rendezvous {
namespace {

TEST_CASE("globs") {
  struct Row {
    std::string pattern;
    std::string text;
    bool matches;
  };
  for (const Row& row : std::initializer_list<Row>{{"", "", true},
                                                   {"", "a", false},
                                                   {"*", "", true},
                                                   {"*", "web.home", true},
                                                   {"web.*", "web.home", true},
                                                   {"*.home", "web.home", true},
                                                   {"*.home", "web.homes", false},
                                                   {"w*h*e", "web.home", true},
                                                   {"w*h*x", "web.home", false},
                                                   {"web?home", "web.home", true},
                                                   {"web?", "web", false},
                                                   {"web", "web.home", false},
                                                   {"**a**", "bab", true},
                                                   {"*ab", "aab", true},
                                                   {"*ab", "aba", false}}) {
    CAPTURE(row.pattern);
    CAPTURE(row.text);
    CHECK(glob_match(row.pattern, row.text) == row.matches);
  }
}

TEST_CASE("a hostile pattern costs little") {
  std::string pattern;
  for (int i = 0; i < 200; ++i) pattern += "*a";
  CHECK_FALSE(glob_match(pattern + "b", std::string(400, 'a')));
}

TEST_CASE("lists are filtered and bounded") {
  World world;
  const auto nas1 = world.enter("home", "nas1");
  const auto nas2 = world.enter("home", "nas2");
  const auto pi = world.enter("office", "pi");
  REQUIRE(world.add(nas1, {.claim = 1, .label = "web"}) == "ok");
  REQUIRE(world.add(nas1, {.claim = 2, .label = "api"}) == "ok");
  REQUIRE(world.add(nas2, {.claim = 1, .label = "web"}) == "ok");

  const auto agents = [&](const ListFilter& filter) {
    std::string out;
    const auto listed = list_sessions(world.registry.view(), filter);
    for (const ListedSession& each : listed.rows) {
      out += each.session->endpoint + ":" + std::to_string(each.services.size()) + " ";
    }
    return out + "of " + std::to_string(listed.matched);
  };
  const auto services = [&](const ListFilter& filter) {
    std::string out;
    const auto listed = list_endpoints(world.registry.view(), filter);
    for (const PublishedPtr& each : listed.rows) out += each->id + " ";
    return out + "of " + std::to_string(listed.matched);
  };
  CHECK(agents({}) == "nas1:2 nas2:1 pi:0 of 3");
  CHECK(agents({.agent = "nas*", .service = ""}) == "nas1:2 nas2:1 of 2");
  CHECK(agents({.agent = "spiffe://*/office/*", .service = ""}) == "pi:0 of 1");
  CHECK(agents({.agent = "", .service = "api.*"}) == "nas1:2 of 1");
  CHECK(agents({.agent = "nas2", .service = "api.*"}) == "of 0");
  CHECK(agents({.agent = "", .service = "", .limit = 1}) == "nas1:2 of 3");
  CHECK(agents({.agent = "", .service = "", .limit = 0}) == "of 3");
  CHECK(services({}) == "nas1.api.home nas1.web.home nas2.web.home of 3");
  CHECK(services({.agent = "", .service = "web.home"}) == "nas1.web.home nas2.web.home of 2");
  CHECK(services({.agent = "nas2", .service = ""}) == "nas2.web.home of 1");
  CHECK(services({.agent = "", .service = "*", .limit = 2}) == "nas1.api.home nas1.web.home of 3");
  CHECK(services({.agent = "nobody", .service = ""}) == "of 0");

  const RegistryView view = world.registry.view();
  const SessionRecord& first = *list_sessions(view, {}).rows.front().session;
  CHECK(first.spiffe_id == "spiffe://td/agent/home/nas1");
  CHECK(first.cluster == "home");
  CHECK(first.session == nas1);
  const RegistryCounters& counters = view.counters;
  CHECK(counters.agents == 3);
  CHECK(counters.services == 2);
  CHECK(counters.endpoints == 3);
}

TEST_CASE("a session's direct endpoints serve each of its services, and go with it") {
  World world;
  const auto nas1 = world.enter("home", "nas1");
  const auto nas2 = world.enter("home", "nas2");
  REQUIRE(world.add(nas1, {.claim = 1, .label = "web"}) == "ok");
  REQUIRE(world.add(nas1, {.claim = 2, .label = "api"}) == "ok");
  REQUIRE(world.add(nas2, {.claim = 1, .label = "web"}) == "ok");
  const DirectEndpoint direct{.address = *SocketAddress::parse("25.1.0.2:40000"), .method = "pcp"};
  world.registry.set_direct(*nas1, {direct});
  for (const PublishedPtr& each : list_endpoints(world.registry.view(), {}).rows) {
    CHECK(each->ways->all().size() == (each->endpoint->name == "nas1" ? 2 : 1));
  }
  CHECK(world.registry.close_session(*nas1, TimePoint(world.now)));
  world.registry.set_direct(*nas1, {direct});  // its verifier was late
  for (const PublishedPtr& each : list_endpoints(world.registry.view(), {}).rows) CHECK(each->ways->all().size() == 1);
}

TEST_CASE("a view stays as it was when it was taken") {
  World world;
  const auto nas1 = world.enter("home", "nas1");
  REQUIRE(world.add(nas1, {.claim = 1, .label = "web"}) == "ok");
  const RegistryView view = world.registry.view();
  world.enter("home", "nas2");
  CHECK(world.registry.close_session(*nas1, TimePoint(world.now)));
  const auto listed = list_sessions(view, {});
  REQUIRE(listed.rows.size() == 1);
  CHECK(listed.rows.front().session->endpoint == "nas1");
  CHECK(listed.rows.front().services.size() == 1);
  CHECK(list_sessions(world.registry.view(), {}).rows.front().session->endpoint == "nas2");
}

}  // namespace
}  // namespace fairlead::rendezvous
