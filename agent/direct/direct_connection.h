#pragma once
// The opening of a mesh connection that came straight to the agent: who called, from its routed ClientHello on, and the
// alert for a caller whose service cannot be had. What is between is its ServiceConnection's. One loop; owned by
// DirectListener, which is told the end as this object's last act.
#include <string>

#include "agent/direct/service_table.h"
#include "agent/service/service_connection.h"
#include "common/base/source_gauge.h"
#include "common/front/inbound.h"
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
  net::PolledFd fd;
  Bytes bytes;  // the ClientHello and what came with it
  wire::ClientHello hello;
  SocketAddress peer;
  wire::ConnectionId id{};
  TimePoint accepted;
  SourceToken source;
};

class DirectConnection final : public ServiceConnectionOwner {
 public:
  DirectConnection(ServiceTools tools, DirectConnectionOwner& owner, DirectClient client,
                   const ConfirmedService& service, const ServiceTerms& terms);

  void start() { connection_.start(); }
  void close(Reason reason) { connection_.close(reason); }
  const DirectClient& client() const { return client_; }
  const RelayShare& share() const { return share_; }
  const std::string& service() const { return service_; }
  const std::string& endpoint() const { return endpoint_; }
  const std::string& caller() const { return caller_; }  // SPIFFE id, where its TLS ended here; once ended
  std::uint64_t number = 0;                              // the owner's

 private:
  void on_service_ended(ServiceEnd end) override;

  const ServiceTools tools_;
  DirectConnectionOwner& owner_;
  DirectClient client_;  // without its descriptor and its bytes
  const std::string service_;
  const std::string endpoint_;
  std::string caller_;
  const RelayShare share_;
  ServiceConnection connection_;
};

}  // namespace fairlead::agent
