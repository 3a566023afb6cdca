// A publisher that the product does not have, as small as one can be: SRV-like lines, kept up to date from the feed
// alone. That it needs nothing else is the proof that the seam is where it should be.
#include <map>

#include "tests/rendezvous/registry/world.h"

namespace fairlead::rendezvous {
namespace {

struct ToyZone {
  void follow() {
    const auto changes = registry.publication().changes_since(seen);
    if (!changes) return begin_anew(registry.published());
    seen = changes->revision;
    for (const PublicationChange& each : changes->changes) {
      lines.erase(each.id);
      if (each.now) write(*each.now);
    }
  }
  void begin_anew(const PublicationView& view) {
    seen = view.revision;
    lines.clear();
    view.endpoints.for_each([this](const PublishedPtr& each) { write(*each); });
  }
  void write(const Published& each) {
    for (const Way& way : each.ways->usable()) {
      const std::string where = way.kind == Way::Kind::relay ? "rv:443" : way.direct.address.to_string();
      lines[each.id] += fmt::format("{} {};", way.priority, where);
    }
  }

  Registry& registry;
  Revision seen = 0;
  std::map<std::string, std::string> lines;
};

TEST_CASE("a second publisher follows a switch from direct to relay and back") {
  World world;
  ToyZone zone{world.registry};
  const auto nas1 = world.enter("home", "nas1");
  DirectEndpoint direct{*SocketAddress::parse("25.1.0.2:40000"), "pcp", DirectEndpoint::State::live, {}, ""};
  REQUIRE(world.add(nas1, {.claim = 1, .label = "web"}) == "ok");
  const auto after = [&](DirectEndpoint::State state) {
    direct.state = state;
    world.registry.set_direct(*nas1, {direct});
    zone.follow();
    return zone.lines["nas1.web.home"];
  };
  CHECK(after(DirectEndpoint::State::live) == "10 25.1.0.2:40000;20 rv:443;");
  CHECK(after(DirectEndpoint::State::down) == "20 rv:443;");
  CHECK(after(DirectEndpoint::State::live) == "10 25.1.0.2:40000;20 rv:443;");
}

}  // namespace
}  // namespace fairlead::rendezvous
