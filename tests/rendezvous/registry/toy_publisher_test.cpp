// A publisher that the product does not have, as small as one can be: SRV-like lines, kept up to date from the feed
// alone. That it needs nothing else is the proof that the seam is where it should be.
#include <map>

#include "tests/rendezvous/registry/world.h"

namespace fairlead::rendezvous {
namespace {

class ToyZone {
 public:
  ToyZone(Registry& registry, std::string relay) : registry_(registry), relay_(std::move(relay)) {}

  void follow() {
    const auto changes = registry_.publication().changes_since(seen_);
    if (!changes) return begin_anew();
    seen_ = changes->revision;
    for (const PublicationChange& each : changes->changes) {
      lines_.erase(each.id);
      if (each.now) lines_[each.id] = line(*each.now);
    }
  }
  const std::string& at(const std::string& id) { return lines_[id]; }

 private:
  void begin_anew() {
    const PublicationView view = registry_.published();
    seen_ = view.revision;
    lines_.clear();
    view.endpoints.for_each([this](const PublishedPtr& each) { lines_[each->id] = line(*each); });
  }
  std::string line(const Published& each) const {
    std::string out;
    for (const Way& way : each.ways->usable()) {
      out +=
          fmt::format("{} {};", way.priority, way.kind == Way::Kind::relay ? relay_ : way.direct.address.to_string());
    }
    return out;
  }

  Registry& registry_;
  const std::string relay_;
  Revision seen_ = 0;
  std::map<std::string, std::string> lines_;
};

TEST_CASE("a second publisher follows a switch from direct to relay and back") {
  World world;
  ToyZone zone(world.registry, "rv:443");
  const auto nas1 = world.enter("home", "nas1");
  DirectEndpoint direct{*SocketAddress::parse("25.1.0.2:40000"), "pcp", DirectEndpoint::State::live, {}, ""};
  REQUIRE(world.add(nas1, {.claim = 1, .label = "web"}) == "ok");
  const auto after = [&](DirectEndpoint::State state) {
    direct.state = state;
    world.registry.set_direct(*nas1, {direct});
    zone.follow();
    return zone.at("nas1.web.home");
  };
  CHECK(after(DirectEndpoint::State::live) == "10 25.1.0.2:40000;20 rv:443;");
  CHECK(after(DirectEndpoint::State::down) == "20 rv:443;");
  CHECK(after(DirectEndpoint::State::live) == "10 25.1.0.2:40000;20 rv:443;");
}

}  // namespace
}  // namespace fairlead::rendezvous
