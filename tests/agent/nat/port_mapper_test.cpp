// The whole port mapper on a real loop, with routers in memory.
#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>

#include "agent/nat/port_mapper_core.h"
#include "tests/agent/nat/mapping_rig.h"
#include "tests/common/net/rig.h"

namespace fairlead::agent::nat::test {
namespace {

using net::test::Worker;
constexpr auto kPcp = MappingProtocol::pcp;
constexpr auto kNatPmp = MappingProtocol::nat_pmp;
constexpr auto kUpnp = MappingProtocol::upnp;

// A host with its routers. A request is answered in the next turn of the loop, or never while the router is silent.
struct World final : Environment {
  explicit World(net::Loop& on) : loop(on) {}

  struct Client final : GatewayClient {
    Client(World& w, MappingProtocol p, const Uplink& u) : world(w), which(p), uplink(u) {}
    ~Client() override { cancel(); }

    MappingProtocol protocol() const override { return which; }
    void look(Duration limit, Callback<GatewayFacts> done) override {
      world.patience = limit;
      answer([this, done = std::move(done)] {
        if (!world.present.contains(which)) return done(tl::unexpected(GatewayError{GatewayFailure::absent, ""}));
        done(GatewayFacts{"2", "fake", world.router.outside, world.router.epoch(which, net::boottime_now())});
      });
    }
    void map(const MapRequest& request, Callback<MapGrant> done) override {
      begin();
      if (world.on_map) world.on_map();
      answer([this, request, done = std::move(done)] {
        end();
        done(world.router.map(which, uplink.local, request, net::boottime_now()));
      });
    }
    void unmap(const MapRequest& request, Callback<MapGrant> done) override {
      begin();
      world.unmapped.emplace_back(which, request);
      answer([this, request, done = std::move(done)] {
        end();
        done(world.router.unmap(which, uplink.local, request, net::boottime_now()));
      });
    }
    void cancel() override {
      pending.reset();
      if (requesting) end();
    }

    void answer(std::function<void()> work) {
      if (pending) world.overlaps = true;
      pending = std::make_shared<std::function<void()>>(std::move(work));
      if (world.silent) return;
      world.loop.post([weak = std::weak_ptr(pending), this] {
        if (weak.expired()) return;
        const auto now = std::move(pending);
        pending.reset();
        (*now)();
      });
    }
    void begin() {
      requesting = true;
      if (++world.requests[uplink.gateway] > 1) world.overlaps = true;
    }
    void end() {
      requesting = false;
      --world.requests[uplink.gateway];
    }

    World& world;
    MappingProtocol which;
    Uplink uplink;
    std::shared_ptr<std::function<void()>> pending;
    bool requesting = false;
  };

  std::vector<Uplink> find_uplinks(const std::vector<std::string>&) override { return uplinks; }
  std::unique_ptr<GatewayClient> make_client(MappingProtocol protocol, const Uplink& uplink) override {
    if (protocol == kNatPmp && !uplink.local.is_v4()) return nullptr;
    return std::make_unique<Client>(*this, protocol, uplink);
  }
  void listen(const std::vector<Uplink>&, Announcements::OnAnnouncement callback) override {
    on_announcement = std::move(callback);
  }

  net::Loop& loop;
  std::vector<Uplink> uplinks{kHome};
  std::set<MappingProtocol> present{kPcp, kNatPmp, kUpnp};
  Router router;
  bool silent = false;
  bool overlaps = false;  // two requests at a time of one client, or at one gateway
  std::map<IpAddress, int> requests;
  std::vector<std::pair<MappingProtocol, MapRequest>> unmapped;
  Duration patience{};
  std::function<void()> on_map;
  Announcements::OnAnnouncement on_announcement;
};

struct Bench {
  Bench() {
    char name[] = "/tmp/fairlead-mapper-XXXXXX";
    state_dir = ::mkdtemp(name);
    options.protocols = {kPcp, kNatPmp, kUpnp};
    options.listeners = {{IpAddress(), 15443}, {IpAddress::v6({}), 15443}};
    options.identity = "nas1.home";
    options.state_dir = state_dir;
  }
  ~Bench() {
    CHECK(!world.overlaps);
    core.reset();
    std::filesystem::remove_all(state_dir);
  }
  void start() {
    core = std::make_unique<PortMapperCore>(world, worker.loop, rng, options,
                                            [this](const std::vector<Candidate>& all) { heard.push_back(all); });
    core->start();
  }
  bool settle() {
    return worker.until([this] { return core->settled(); });
  }
  bool stop(Duration patience = 5s) {
    bool done = false;
    core->stop(patience, [&done] { done = true; });
    return worker.until([&done] { return done; });
  }
  std::vector<MappingRecord> journal() const { return Journal(state_dir + "/" + kJournalName).load(); }

  Worker worker;
  World world{worker.loop};
  SeededRng rng{1};
  std::string state_dir;
  PortMapperOptions options;
  std::vector<std::vector<Candidate>> heard;
  std::unique_ptr<PortMapperCore> core;
};

TEST_CASE("a port is mapped, offered, kept in the journal, and gone after the stop") {
  Bench bench;
  bench.start();
  CHECK(!bench.core->settled());
  REQUIRE(bench.settle());
  CHECK(bench.world.patience == kFirstPatience);
  REQUIRE(bench.heard.size() == 1);
  REQUIRE(bench.heard[0].size() == 1);
  const Candidate candidate = bench.heard[0][0];
  CHECK(candidate.method == "pcp");
  CHECK(candidate.local == kHome.local);
  CHECK(candidate.external == SocketAddress{bench.world.router.outside, PortSequence("nas1.home", 0).at(0)});
  bench.core->on_verified(candidate.number);
  REQUIRE(bench.core->mappings().size() == 1);
  CHECK(bench.core->mappings()[0].verified);
  CHECK(bench.core->mappings()[0].gateway == "192.168.1.1");
  CHECK(bench.core->mappings()[0].lifetime == 7200s);
  const auto reports = bench.core->uplinks();
  REQUIRE(reports.size() == 1);
  CHECK(reports[0].pcp.state == ProtocolReport::State::mapped);
  CHECK(reports[0].upnp.state == ProtocolReport::State::present);
  CHECK(reports[0].upnp.facts.model == "fake");
  CHECK(bench.journal().size() == 1);
  CHECK(bench.stop());
  CHECK(bench.world.router.table.empty());
  CHECK(bench.heard.back().empty());
  CHECK(bench.journal().empty());
}

TEST_CASE("a candidate that is not reachable is repaired under its number") {
  Bench bench;
  bench.start();
  REQUIRE(bench.settle());
  const Candidate first = bench.core->candidates()[0];
  bench.core->on_unreachable(first.number + 1000);
  CHECK(bench.core->candidates().size() == 1);
  bench.core->on_verified(first.number);
  bench.core->on_unreachable(first.number);
  CHECK(bench.core->candidates().empty());
  REQUIRE(bench.worker.until([&] { return !bench.core->candidates().empty(); }, 3s));
  CHECK(bench.core->candidates()[0] == first);
  CHECK(bench.world.unmapped.size() == 1);
}

TEST_CASE("no protocol there: nothing is offered, and probe can say so") {
  Bench bench;
  bench.world.present.clear();
  bench.start();
  REQUIRE(bench.settle());
  CHECK(bench.heard.empty());
  CHECK(bench.core->uplinks()[0].pcp.state == ProtocolReport::State::absent);
  CHECK(bench.core->uplinks()[0].upnp.error->failure == GatewayFailure::absent);
  CHECK(bench.stop());
}

TEST_CASE("mapping off: own addresses only, and nobody is asked or listened to") {
  Bench bench;
  bench.options.protocols.clear();
  Uplink v6 = kHome;
  v6.local = ip("2a00:1450::10");
  v6.gateway = ip("fe80::1");
  bench.world.uplinks.push_back(v6);
  bench.start();
  CHECK(bench.core->settled());
  REQUIRE(bench.core->candidates().size() == 1);
  CHECK(bench.core->candidates()[0].method == "host");
  CHECK(bench.core->candidates()[0].external == SocketAddress{v6.local, 15443});
  CHECK(!bench.world.on_announcement);
  CHECK(bench.core->uplinks()[0].pcp.state == ProtocolReport::State::off);
  CHECK(bench.stop());
}

TEST_CASE("two uplinks with one gateway: one request at a time, two numbers") {
  Bench bench;
  Uplink second = kHome;
  second.interface = "wlan0";
  second.local = ip("192.168.1.11");
  bench.world.uplinks.push_back(second);
  bench.options.protocols = {kUpnp};
  bench.start();
  REQUIRE(bench.settle());
  REQUIRE(bench.core->candidates().size() == 2);
  CHECK(bench.core->candidates()[0].number != bench.core->candidates()[1].number);
  CHECK(bench.core->candidates()[0].external != bench.core->candidates()[1].external);
  CHECK(bench.stop());
  CHECK(bench.world.router.table.empty());
}

TEST_CASE("another address on the same link: the old number goes, the old tuple is deleted, a new one comes") {
  Bench bench;
  bench.options.protocols = {kUpnp};
  bench.start();
  REQUIRE(bench.settle());
  const Candidate before = bench.core->candidates()[0];
  bench.core->on_network_changed();  // nothing changed: nothing happens
  CHECK(bench.core->candidates()[0] == before);
  bench.world.uplinks[0].local = ip("192.168.1.77");
  bench.core->on_network_changed();
  CHECK(bench.core->candidates().empty());
  REQUIRE(bench.settle());
  REQUIRE(!bench.world.unmapped.empty());
  CHECK(bench.world.unmapped[0].second.external.port == before.external.port);
  REQUIRE(bench.core->candidates().size() == 1);
  CHECK(bench.core->candidates()[0].number != before.number);
  CHECK(bench.core->candidates()[0].local == ip("192.168.1.77"));
  bench.core->on_verified(before.number);  // too late: nobody has it
  CHECK(!bench.core->mappings()[0].verified);
}

TEST_CASE("a network that went away keeps its records for when it comes back") {
  Bench bench;
  bench.start();
  REQUIRE(bench.settle());
  const auto nonce = bench.journal().at(0).nonce;
  bench.world.uplinks.clear();
  bench.core->on_network_changed();
  CHECK(bench.core->candidates().empty());
  CHECK(bench.journal().size() == 1);
  bench.world.uplinks = {kHome};
  bench.core->on_network_changed();
  REQUIRE(bench.settle());
  CHECK(bench.core->candidates().size() == 1);
  CHECK(bench.journal().at(0).nonce == nonce);
}

TEST_CASE("killed and started again: the same mapping is taken over; another port: the old one is deleted first") {
  Bench bench;
  bench.start();
  REQUIRE(bench.settle());
  const auto before = bench.journal().at(0);
  bench.core.reset();  // no stop: as if killed
  CHECK(bench.world.router.table.size() == 1);
  bench.start();
  REQUIRE(bench.settle());
  CHECK(bench.journal().at(0) == before);
  CHECK(bench.world.unmapped.empty());
  bench.core.reset();
  bench.options.listeners = {{IpAddress(), 15555}};
  bench.options.protocols = {kPcp};
  bench.start();
  REQUIRE(bench.settle());
  REQUIRE(bench.world.unmapped.size() == 1);
  CHECK(bench.world.unmapped[0].second.internal_port == 15443);
  CHECK(bench.world.unmapped[0].second.nonce == before.nonce);
  REQUIRE(bench.world.router.table.size() == 1);
  CHECK(bench.world.router.table.begin()->second.internal.port == 15555);
}

TEST_CASE("the journal knows of a mapping before the gateway does") {
  Bench bench;
  std::vector<MappingRecord> known;
  bench.world.on_map = [&] { known = bench.journal(); };
  bench.start();
  REQUIRE(bench.settle());
  REQUIRE(known.size() == 1);
  CHECK(known[0].external.port == bench.core->candidates()[0].external.port);
  CHECK(known[0].nonce == bench.journal().at(0).nonce);
}

TEST_CASE("a gateway that falls silent does not hold up the stop, and its mapping is remembered") {
  Bench bench;
  bench.start();
  REQUIRE(bench.settle());
  bench.world.silent = true;
  const TimePoint asked = net::monotonic_now();
  CHECK(bench.stop(300ms));
  CHECK(net::monotonic_now() - asked < 3s);
  CHECK(bench.journal().size() == 1);
}

TEST_CASE("stopping while nobody has answered yet") {
  Bench bench;
  bench.world.silent = true;
  bench.start();
  bench.worker.settle();
  CHECK(!bench.core->settled());
  CHECK(bench.stop());
  bench.core->stop(1s, [] { FAIL("stopped twice"); });
  bench.core->on_network_changed();
  CHECK(bench.core->candidates().empty());
}

TEST_CASE("an announced restart of the gateway brings the mapping back") {
  Bench bench;
  bench.start();
  REQUIRE(bench.settle());
  bench.world.router.restart(net::boottime_now());
  REQUIRE(bench.world.on_announcement);
  bench.world.on_announcement({ip("192.168.1.2"), 0});  // not our gateway
  bench.world.on_announcement({kHome.gateway, 0});
  CHECK(bench.worker.until([&] { return !bench.world.router.table.empty(); }, kLossWait + 2s));
  CHECK(bench.heard.size() == 1);  // it was offered all the time
}

TEST_CASE("a journal of nonsense is set aside and everything works") {
  Bench bench;
  std::ofstream(bench.state_dir + "/" + kJournalName) << "nonsense";
  bench.start();
  REQUIRE(bench.settle());
  CHECK(bench.core->candidates().size() == 1);
  CHECK(std::filesystem::exists(bench.state_dir + "/" + kJournalName + ".bad"));
}

TEST_CASE("an uplink without a listener of its family is left alone") {
  Bench bench;
  bench.options.listeners = {{IpAddress::v6({}), 15443}};
  bench.start();
  CHECK(bench.core->uplinks().empty());
  CHECK(bench.core->settled());
  CHECK(bench.stop());
}

}  // namespace
}  // namespace fairlead::agent::nat::test
