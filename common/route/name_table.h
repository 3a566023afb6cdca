#pragma once
// What names mean, by name: the table behind a Snapshot.
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/time.h"
#include "common/route/endpoint.h"
#include "common/route/hash_tree.h"

namespace fairlead::route {

// What one name means now: which endpoints may serve it. Without endpoints: the name lived within the last hour.
struct NameEntry {
  std::string name;                             // as a client says it, lower-case: web.home, outbound_.8443_._.web...
  std::string service;                          // SERVICE.CLUSTER behind it
  std::string endpoint_wanted;                  // ENDPOINT, where the name asks for a single one; else empty
  std::vector<EndpointPtr> endpoints;           // by ENDPOINT
  TimePoint expected_until = TimePoint::min();  // without endpoints: one that was lost may be back until then

  std::string_view key() const { return name; }
};

using NameEntryPtr = std::shared_ptr<const NameEntry>;
using NameTable = HashTree<NameEntry>;

}  // namespace fairlead::route
