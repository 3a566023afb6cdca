#pragma once
// Copies what a page shows out of what is alive: rows of values, from the registry's immutable view and each carrier's
// load(). Runs on the report thread, or on any other: what it reads may be read everywhere.
#include "rendezvous/admin/status.h"

namespace fairlead::rendezvous {

// Where the relay is, for rows of relayed ways, and when it is now.
struct CollectFacts {
  std::string relay_address;
  TimePoint now;
};

Listing<AgentRow> collect_agents(const RegistryView& view, const ListFilter& filter);
// Each way of the endpoints that match, at most filter.limit endpoints.
WayListing collect_ways(const RegistryView& view, const ListFilter& filter, const CollectFacts& facts);

// What one agent has most of, which `limits` compares with what it may have.
struct AgentPeaks {
  std::size_t relays = 0;
  std::size_t services = 0;
};
AgentPeaks collect_peaks(const RegistryView& view);

}  // namespace fairlead::rendezvous
