#pragma once
// Makes this host's listener reachable from outside, as far as its gateways let it: watches the uplinks, looks for
// gateway protocols, keeps one mapping per uplink (mapping.h) and tells which addresses are worth a dial-back. One
// loop; owned by the agent. It starts nothing before start() and leaves nothing behind after stop().
//
//   UplinkWatch -> Uplink -> GatewayClients (look, in parallel) -> Mapping -> Candidate -> rendezvous dials back
//                                                                    ^            |
//                                                                    +--verdict---+
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "agent/nat/candidate.h"
#include "agent/nat/gateway_client.h"
#include "agent/nat/uplink.h"
#include "common/base/random.h"
#include "common/net/poller.h"

namespace fairlead::agent::nat {

// How one mapping or own address stands; for `status`.
struct MappingReport {
  std::string protocol;  // as Candidate::method
  std::string gateway;
  std::string interface;
  std::string internal;
  std::string external;
  std::chrono::seconds lifetime{};  // granted; 0: without end
  bool verified = false;
  WallTime since{};
};

// What was found at one uplink; for `probe`.
struct ProtocolReport {
  enum class State { off, looking, absent, present, mapped, failed } state = State::off;
  GatewayFacts facts;
  std::optional<GatewayError> error;  // of the last request that failed
};
struct UplinkReport {
  Uplink uplink;
  ProtocolReport pcp, nat_pmp, upnp;
  std::optional<Reason> problem;  // why nothing is offered through its gateway, as far as that is known
};

struct PortMapperOptions {
  std::vector<MappingProtocol> protocols;  // in order of preference; empty: no mapping, own addresses only
  std::vector<std::string> interfaces;     // empty: all but tunnels and container bridges
  std::vector<SocketAddress> listeners;    // bound addresses of the agent's listener, with their ports
  std::uint16_t external_port = 0;         // wished; 0: from the name
  std::string identity;                    // what port sequence and description are derived from: "nas1.home"
  std::string state_dir;                   // journal; empty: none
  std::string helper;                      // path of this executable, re-executed for UPnP
  // A gateway announced that it began anew or has another outside address: connections through it may be dead.
  std::function<void()> on_gateway_changed;
};

class PortMapper {
 public:
  using OnCandidates = std::function<void(const std::vector<Candidate>&)>;  // all of them, whenever one changed

  PortMapper(net::Poller& poller, Rng& rng, PortMapperOptions options, OnCandidates on_candidates);
  ~PortMapper();

  void start();
  // In effect from the next on_network_changed() on.
  void set_listeners(std::vector<SocketAddress> listeners);
  // The network changed or the host slept: routes and addresses are read again, mappings checked.
  void on_network_changed();
  // A rendezvous sees what leaves by `local` as `outside`. Another address than before: the gateway's changed, and it
  // is asked at once, also where its mapping pauses.
  void on_seen(const IpAddress& local, const IpAddress& outside);
  // What came of a candidate: proved reachable, or not (never, or not any more). Failures lead to repair: mapping
  // deleted and made anew, then another external port, then ever longer pauses. Unknown numbers are ignored.
  void on_verified(std::uint32_t number);
  void on_unreachable(std::uint32_t number);
  // Deletes every mapping; `done` is called when the gateways have answered, after `patience` at the latest.
  void stop(Duration patience, std::function<void()> done);

  std::vector<Candidate> candidates() const;
  std::vector<MappingReport> mappings() const;
  std::vector<UplinkReport> uplinks() const;
  bool settled() const;  // every protocol of every uplink was looked at once; nothing is under way

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace fairlead::agent::nat
