#pragma once
// A mapping and the router in front of it, in virtual time: one table for all protocols, as real routers have it, with
// the faults that they have. The rig carries commands over, answers them, dials back, and checks after every step what
// must hold whatever happens.
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "agent/nat/mapping.h"
#include "tests/support/doctest.h"

namespace fairlead::agent::nat::test {

using State = Mapping::State;
using Kind = MappingCommand::Kind;
inline constexpr auto kPcp = MappingProtocol::pcp;
inline constexpr auto kNatPmp = MappingProtocol::nat_pmp;
inline constexpr auto kUpnp = MappingProtocol::upnp;

inline IpAddress ip(const char* text) {
  return *IpAddress::parse(text);
}
inline const Uplink kHome{"eth0", 2, ip("192.168.1.10"), ip("192.168.1.1"), 100};

// A fault of the router: every request of one protocol fails in one way.
inline auto failing(MappingProtocol protocol, GatewayFailure failure) {
  return [=](const MappingCommand& c) { return c.protocol == protocol ? std::optional(failure) : std::nullopt; };
}

struct Router {
  struct Entry {
    MappingProtocol protocol = MappingProtocol::pcp;
    SocketAddress internal;
    MappingNonce nonce{};
    std::optional<TimePoint> expires;
  };
  using Answer = tl::expected<MapGrant, GatewayError>;

  Answer map(MappingProtocol protocol, const IpAddress& client, const MapRequest& request, TimePoint now);
  Answer unmap(MappingProtocol protocol, const IpAddress& client, const MapRequest& request, TimePoint now);
  void restart(TimePoint now);
  void expire(TimePoint now);
  std::optional<std::uint32_t> epoch(MappingProtocol protocol, TimePoint now) const;

  std::map<std::uint16_t, Entry> table;  // by external port
  std::set<std::uint16_t> foreign;       // forwarded to other hosts
  IpAddress outside = ip("25.1.0.7");
  std::chrono::seconds longest = 24h;
  TimePoint started{};
  // Consulted before a request is carried out; a failure is the answer instead.
  std::function<std::optional<GatewayFailure>(const MappingCommand&)> fault;
  bool lost_answers = false;  // `late` of `fault`: carried out all the same
};

class Rig {
 public:
  explicit Rig(std::uint64_t seed = 1, std::vector<MappingProtocol> protocols = {MappingProtocol::pcp},
               const Uplink& uplink = kHome, std::vector<MappingRecord> known = {});

  void all_present();
  void step();                // answers what is due to be asked, once, and checks the invariants
  void run(Duration length);  // with all that happens in it
  // Until the condition holds; false when it does not within the limit.
  bool until(const std::function<bool()>& condition, Duration limit);
  void verdict(bool reachable);
  std::size_t ours() const { return router.table.size(); }
  std::size_t requests_within(Duration length) const;
  const MappingCommand& last() const { return asked.back().second; }

  SeededRng rng;
  Router router;
  TimePoint now{1000s};
  Mapping mapping;
  Duration latency = 20ms;
  std::vector<std::pair<TimePoint, MappingCommand>> asked;
  std::vector<MappingEvent> events;

 private:
  void carry_out(const MappingCommand& command);
  void check() const;
  std::set<std::pair<MappingProtocol, std::uint16_t>> told_taken_;
};

}  // namespace fairlead::agent::nat::test
