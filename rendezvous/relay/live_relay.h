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
  virtual void on_live_relay_ended(LiveRelay& relay, const net::RelayOutcome& outcome) = 0;
};

class LiveRelay final : public net::RelayOwner {
 public:
  // Begins in the loop's next turn.
  LiveRelay(LiveRelayOwner& owner, net::RelayTools tools, const net::RelayLimits& limits, MeshHost::Accepted accepted);

  void close(Reason reason) { relay_.close(reason); }
  const MeshCaller& who() const { return who_; }
  const Attempt& attempt() const { return attempt_; }
  // What it counts against until its client said something behind its hello.
  void hold(SourceToken unproved) { unproved_ = std::move(unproved); }
  bool client_spoke();
  std::uint64_t number = 0;  // the worker's

 private:
  void on_relay_ended(net::Relay& relay, const net::RelayOutcome& outcome) override;

  LiveRelayOwner& owner_;
  MeshCaller who_;
  Attempt attempt_;
  SourceToken unproved_;
  net::Relay relay_;
};

}  // namespace fairlead::rendezvous
