#pragma once
// What `status agents` and `status services` list: copies that may leave the registry's thread.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "rendezvous/registry/routing.h"
#include "rendezvous/registry/ways.h"

namespace fairlead::rendezvous {

// An empty pattern matches all. `*` in a pattern is any run of characters, `?` any one: this is a person's filter, not
// a policy. `agent` is compared with ENDPOINT and with the SPIFFE id, `service` with SERVICE.CLUSTER.
struct ListFilter {
  std::string agent;
  std::string service;
  std::size_t limit = 1000;
};

// What only reports want to know of a session.
struct SessionAbout {
  std::string software;
  SocketAddress peer;
};

struct SessionSummary {
  std::string spiffe_id;
  std::string endpoint;
  std::string cluster;
  WallTime since{};
  std::vector<EndpointPtr> services;     // by SERVICE.CLUSTER
  std::uint64_t duplicates_refused = 0;  // newcomers that were told duplicate_identity: a cloned image
  std::shared_ptr<Carrier> session;      // the registry only holds and compares it
  SessionAbout about;
};

struct ListedEndpoint {
  EndpointPtr endpoint;
  WaysPtr ways;
};

bool glob_match(std::string_view pattern, std::string_view text);

}  // namespace fairlead::rendezvous
