#pragma once
// One mesh connection that came straight to the agent, from its routed ClientHello to its end:
//
//   reaching --target connected--> relaying --> ended
//      | target refused, client gone, closed
//      +--> ended, an alert for a client that is still there
//
// Owned by DirectListener; tells it its end as its last act.
#include <memory>
#include <optional>
#include <string>

#include "agent/direct/service_table.h"
#include "agent/resource/memory_budget.h"
#include "agent/service/target_dial.h"
#include "common/base/source_gauge.h"
#include "common/front/inbound.h"
#include "common/net/relay.h"
#include "common/wire/client_hello.h"
#include "common/wire/ids.h"

namespace fairlead::agent {

class DirectConnection;

class DirectConnectionOwner {
 public:
  virtual ~DirectConnectionOwner() = default;
  // Its relay is counted until here.
  virtual void on_direct_ended(DirectConnection& connection, const net::RelayOutcome& outcome,
                               const std::string& detail) = 0;
};

struct DirectClient {
  net::Fd fd;
  Bytes bytes;  // the ClientHello and what came with it
  wire::ClientHello hello;
  SocketAddress peer;
  wire::ConnectionId id{};
  TimePoint accepted;
  SourceToken source;
};

class DirectConnection final : public net::PollTarget, public net::RelayOwner {
 public:
  DirectConnection(net::RelayTools tools, DirectConnectionOwner& owner, DirectClient client,
                   const ConfirmedService& service, Duration connect_timeout, net::RelayLimits limits,
                   RelayShare share);

  void start();
  void close(Reason reason);
  const DirectClient& client() const { return client_; }
  const RelayShare& share() const { return share_; }
  const std::string& service() const { return service_; }
  const std::string& endpoint() const { return endpoint_; }
  std::uint64_t number = 0;  // the owner's

 private:
  enum class State { reaching, relaying, ended };

  void on_ready(net::Readiness ready) override;
  void on_relay_ended(net::Relay& relay, const net::RelayOutcome& outcome) override;
  void on_target(Result<net::PolledFd> target);
  void refuse(Reason reason, const std::string& detail);
  void end(Reason reason, const std::string& detail);

  net::RelayTools tools_;
  DirectConnectionOwner& owner_;
  State state_ = State::reaching;
  DirectClient client_;  // without its descriptor
  net::PolledFd fd_;     // until it is relayed
  const std::string service_;
  const std::string endpoint_;
  const ProxyProtocol proxy_protocol_;
  const net::RelayLimits limits_;
  const RelayShare share_;
  std::unique_ptr<TargetDial> dial_;
  std::optional<net::Relay> relay_;
};

}  // namespace fairlead::agent
