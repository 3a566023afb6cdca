#pragma once
// A relayed mesh connection: the relay itself, and what must be given back and written down when it ends. Owned by its
// worker.
#include "common/net/relay.h"
#include "rendezvous/relay/mesh_connection.h"

namespace fairlead::rendezvous {

class LiveRelay;

class LiveRelayOwner {
 public:
  virtual ~LiveRelayOwner() = default;
  // At most once: its client said something behind its hello. It may not be closed from here.
  virtual void on_live_relay_proved(LiveRelay& relay) = 0;
  virtual void on_live_relay_ended(LiveRelay& relay, const net::RelayOutcome& outcome) = 0;
};

class LiveRelay final : public net::RelayOwner {
 public:
  // Begins in the loop's next turn.
  LiveRelay(LiveRelayOwner& owner, net::RelayTools tools, const net::RelayLimits& limits, MeshHost::Accepted accepted);

  void close(Reason reason) { relay_.close(reason); }
  const MeshCaller& who() const { return who_; }
  const Attempt& attempt() const { return attempt_; }
  std::uint64_t number = 0;  // the worker's

 private:
  void on_client_spoke(net::Relay& relay) override;
  void on_relay_ended(net::Relay& relay, const net::RelayOutcome& outcome) override;

  LiveRelayOwner& owner_;
  MeshCaller who_;
  Attempt attempt_;
  net::Relay relay_;
};

}  // namespace fairlead::rendezvous
