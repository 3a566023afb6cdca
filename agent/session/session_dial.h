#pragma once
// One attempt to reach a configured server: its name, then TCP to its addresses (raced, net::Connector), then the TLS
// handshake. One loop; owned by a RendezvousLink, which retires it when told.
//
//   resolving --> connecting --TCP stands--> shaking hands --done--> told; the others are dropped
//                     ^                         | fails, or is silent for kSilence (and stays: it may only be queued)
//                     +--- an address is left --+
//                                               | none is left: told why
//
// An address that fails after TCP is remembered, and has its turn last the next time.
#include <functional>
#include <memory>
#include <vector>

#include "agent/resource/agent_tools.h"
#include "common/net/connector.h"
#include "common/net/resolver.h"
#include "common/net/tls_stream.h"

namespace fairlead::agent {

// A server that says nothing after TCP may have a queue before it, or may be dead: the next is tried beside it.
inline constexpr Duration kSilence = 5s;
// A restarted server lets thousands of agents in a few hundred at a time: our place in its queue is worth more than a
// new attempt, which would stand at the end.
inline constexpr Duration kQueuePatience = 60s;

class SessionDial final {
 public:
  struct Opened {
    std::unique_ptr<net::TlsStream> stream;  // its handshake is done
    SocketAddress address;
  };
  using OnDone = std::function<void(Result<Opened>)>;  // once, never from start()

  // `memory`: of this server; outlives it, as `context` does. `saved`: a TLS session to resume, or empty.
  SessionDial(AgentTools& tools, HostPort server, tls::TlsClientContext& context, tls::ServerExpectation expected,
              Bytes saved, core::AddressMemory& memory, OnDone on_done, Duration silence = kSilence);
  ~SessionDial();
  SessionDial(const SessionDial&) = delete;
  SessionDial& operator=(const SessionDial&) = delete;

  // Once, one of them.
  void start();
  void start_at(std::vector<SocketAddress> addresses);                        // where its name leads to is known
  void cancel();                                                              // nothing is told any more
  std::string_view phase() const;                                             // for status
  const std::vector<SocketAddress>& addresses() const { return addresses_; }  // that the name led to

 private:
  struct Handshake;

  void on_addresses(Result<std::vector<SocketAddress>> answer);
  void connect();
  void on_connected(Result<net::Connection> connection);
  void shake(net::Connection connection);
  void on_progress(Handshake& handshake);
  void drop(Handshake& handshake, Error why);
  void on_timer();
  void arm();
  void finish(Result<Opened> result);
  TimePoint now() const { return tools_.loop.now(); }

  AgentTools& tools_;
  const HostPort server_;
  tls::TlsClientContext& context_;
  const tls::ServerExpectation expected_;
  const Bytes saved_;
  core::AddressMemory& memory_;
  OnDone on_done_;
  const Duration silence_;
  net::Resolver resolver_;
  std::vector<SocketAddress> addresses_;
  std::vector<SocketAddress> left_;  // not connected yet in this attempt
  std::unique_ptr<net::Connector> connector_;
  std::vector<std::unique_ptr<Handshake>> handshakes_;
  std::optional<Error> failure_;
  TimePoint resolve_until_ = TimePoint::max();
  TimePoint silent_at_ = TimePoint::max();
  core::TimerEntry timer_;
};

}  // namespace fairlead::agent
