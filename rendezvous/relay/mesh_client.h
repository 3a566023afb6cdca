#pragma once
// A mesh client that said which name it wants, as a value that can move between workers: its socket, every byte read
// from it so far, what was decided about it, and what it counts against.
#include <string>

#include "common/base/gauge.h"
#include "common/base/ip.h"
#include "common/base/source_gauge.h"
#include "common/net/fd.h"
#include "common/wire/client_hello.h"
#include "common/wire/ids.h"
#include "rendezvous/relay/attempt_plan.h"
#include "rendezvous/relay/service_room.h"

namespace fairlead::rendezvous {

// What is left of it once it is relayed: who it was, and what it counts against until its end.
struct MeshCaller {
  wire::ConnectionId id{};
  SocketAddress peer;
  TimePoint accepted;
  std::string service;  // known with the route
  GaugeToken relay;
  SourceToken source;
  ServiceRoom::Token service_token;  // taken with the route
};

struct MeshClient {
  net::Fd fd;   // on its way between workers
  Bytes bytes;  // the ClientHello and what came with it; sent to the service as they are
  wire::ClientHello hello;
  std::string fixed_service;  // [[port]]; empty: by SNI
  MeshCaller caller;
  AttemptPlan plan;
};

}  // namespace fairlead::rendezvous
