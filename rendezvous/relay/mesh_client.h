#pragma once
// A mesh client that said which name it wants, as a value that can move between workers: its socket, every byte read
// from it so far, and what it counts against.
#include <string>
#include <vector>

#include "common/base/gauge.h"
#include "common/base/ip.h"
#include "common/base/source_gauge.h"
#include "common/net/fd.h"
#include "common/wire/client_hello.h"
#include "common/wire/ids.h"
#include "rendezvous/registry/routing.h"

namespace fairlead::rendezvous {

struct MeshClient {
  net::Fd fd;   // on its way between workers
  Bytes bytes;  // the ClientHello and what came with it; sent to the service as they are
  wire::ClientHello hello;
  std::string fixed_service;  // [[port]]; empty: by SNI
  SocketAddress peer;
  wire::ConnectionId id{};
  TimePoint accepted;

  GaugeToken relay;
  SourceToken source;
  KeyedGauge<std::string>::Token service_token;  // taken with the route
  std::string service;                           // known with the route
  std::vector<EndpointPtr> tried;                // endpoints that refused or were silent
  int attempts = 0;                              // headers sent
  Reason last_failure = Reason::no_endpoint;     // why the latest attempt came to nothing
};

// The endpoint that is being tried: counted as its load and against its agent's limit until the attempt or the relay
// ends.
struct Attempt {
  EndpointPtr endpoint;
  GaugeToken agent;

  Attempt() = default;
  Attempt(EndpointPtr chosen, GaugeToken token) : endpoint(std::move(chosen)), agent(std::move(token)) {
    endpoint->load->on_started();
  }
  Attempt(Attempt&&) = default;
  Attempt& operator=(Attempt&& other) noexcept {
    std::swap(endpoint, other.endpoint);
    std::swap(agent, other.agent);
    return *this;
  }
  ~Attempt() {
    if (endpoint) endpoint->load->on_ended();
  }
};

}  // namespace fairlead::rendezvous
