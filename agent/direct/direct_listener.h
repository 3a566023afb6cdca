#pragma once
// The agent's own listener: the same first bytes, names, source check and relay as at a rendezvous, for ClientHellos of
// confirmed services and for verifications by a rendezvous, and for nothing else.
//
//   Listener -> Inbound -- ClientHello --> ServiceTable -> source check -> DirectConnection (target, relay)
//                       |                        +- ends here, ALPN fairlead-verify/1 --> VerifyResponder (TLS)
//                       +- verify request -------------------------------------------> VerifyResponder (plain)
//
// One loop; owned by the agent, which calls replace_credentials() before open() and shut_down() before the loop ends.
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "agent/direct/direct_connection.h"
#include "agent/direct/listen_ports.h"
#include "agent/direct/service_table.h"
#include "agent/direct/verify_responder.h"
#include "agent/resource/agent_tools.h"
#include "common/front/inbound.h"
#include "common/front/listener.h"
#include "common/front/lobby.h"

namespace fairlead::agent {

// What strangers may cost a small device.
struct DirectLimits {
  std::size_t unclassified = 256;
  std::size_t unclassified_per_source = 32;
  std::size_t relays_per_source = 128;  // all of them also count against the agent's relays_max
  front::Limits classify;
  VerifyLimits verify;
};

// These, or what there is room for.
DirectLimits direct_limits(const MemoryBudget& memory, const DescriptorPlan& descriptors);

struct DirectOptions {
  std::vector<SocketAddress> listen;  // [nat] listen; port 0: derived from `name`
  std::string name;                   // ENDPOINT
  std::string rendezvous_id;          // SPIFFE pattern of those who may verify
  DirectLimits limits;
};

class DirectListener final : public front::InboundOwner, public DirectConnectionOwner {
 public:
  DirectListener(AgentTools& tools, DirectOptions options, KeyFinder& keys);
  ~DirectListener() override;

  // Binds. A family that this host does not have is left out; address_in_use or io_failed when nothing could be bound
  // (the agent lives without direct then).
  Result<void> open();
  // Tries again what open() left out; true: something was bound.
  bool open_missing();
  const std::vector<LeftOut>& missing() const { return missing_; }
  std::vector<SocketAddress> addresses() const;  // bound, with their ports

  void set_services(std::vector<ConfirmedService> services);
  // For verifications from now on.
  void replace_credentials(std::shared_ptr<const tls::Credentials> credentials, tls::WallClock clock);

  // Connections that the kernel let in, ever: tells a firewall on this host from a router that forwards nothing.
  std::uint64_t accepted() const { return accepted_; }
  std::size_t relays() const { return connections_.size(); }

  // Accepts nothing more and drops what carries no mesh connection; live ones go on.
  void close_idle();
  // Everything.
  void shut_down(Reason reason);

 private:
  // front::InboundOwner
  void on_opened(front::Inbound& inbound, front::Opening::Outcome outcome) override;
  // DirectConnectionOwner
  void on_direct_ended(DirectConnection& connection, const net::RelayOutcome& outcome,
                       const std::string& detail) override;

  Result<void> bind(const std::vector<SocketAddress>& wanted);
  void listen(const SocketAddress& bound, net::Fd fd);
  void on_accept(net::AcceptedSocket accepted);
  void on_client_hello(front::Inbound& inbound, wire::ClientHello hello);
  void on_verify(front::Inbound& inbound, const wire::Signed<wire::VerifyRequest>& request);
  void on_turned_away(front::Inbound& inbound, Reason reason);
  void serve(front::Inbound& inbound, wire::ClientHello hello, const route::Route& route);
  void refuse(front::Inbound& inbound, Reason reason);
  void count_refused(const SocketAddress& peer, Reason reason);
  void retire(front::Inbound& inbound);
  void drop_inbounds();

  AgentTools& tools_;
  DirectOptions options_;
  const front::ListenerRules rules_;
  Gauge unclassified_;
  SourceGauge unclassified_per_source_;
  SourceGauge relays_per_source_;
  front::Lobby lobby_;
  ServiceTable services_;
  VerifyResponder verify_;
  std::uint64_t accepted_ = 0;
  std::uint64_t last_number_ = 0;
  std::map<std::uint64_t, std::unique_ptr<front::Inbound>> inbounds_;
  std::map<std::uint64_t, std::unique_ptr<DirectConnection>> connections_;
  struct Door {
    SocketAddress address;
    std::unique_ptr<front::Listener> listener;
  };
  std::vector<Door> doors_;
  std::vector<LeftOut> missing_;
};

}  // namespace fairlead::agent
