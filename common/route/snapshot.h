#pragma once
// The routing table that accepting threads read: immutable, shared by pointer, cheap to replace (see NameTable). Built
// by NameIndex alone; any thread may read it. A Route keeps what it points at alive, whatever is published meanwhile.
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/reason.h"
#include "common/route/name_table.h"
#include "common/route/own_names.h"

namespace fairlead::route {

struct Route {
  enum class Kind : std::uint8_t {
    own,      // ends at this program itself
    service,  // candidates() is not empty
    unknown,  // reason unknown_name: alert 112
    refused,  // reason no_endpoint (the name lived within the last hour) or alpn_required: alert 80
  };

  Kind kind = Kind::unknown;
  Reason reason = Reason::unknown_name;  // of unknown and refused
  NameEntryPtr entry;                    // of service, and of refused by no_endpoint; else null

  std::span<const EndpointPtr> candidates() const {
    return entry ? std::span<const EndpointPtr>(entry->endpoints) : std::span<const EndpointPtr>();
  }
  std::string_view service() const { return entry ? std::string_view(entry->service) : std::string_view(); }
  // It has no endpoint, but lost one a moment ago: clients may wait for it.
  bool expects_endpoint(TimePoint now) const {
    return entry && entry->endpoints.empty() && now < entry->expected_until;
  }
  std::string_view endpoint_wanted() const {
    return entry ? std::string_view(entry->endpoint_wanted) : std::string_view();
  }
};

class Snapshot {
 public:
  Snapshot(NameTable names, std::shared_ptr<const OwnNames> own);

  // First our own names, then `outbound_` names, then the table. One lookup, a second one per domain the name has.
  Route route(std::string_view sni, const std::vector<std::string>& alpn) const;
  // For listeners whose service is fixed ([[port]]): SERVICE.CLUSTER and nothing else.
  Route route_service(std::string_view service) const;

 private:
  Route route_istio(std::string_view name, const std::vector<std::string>& alpn) const;

  NameTable names_;
  std::shared_ptr<const OwnNames> own_;
};

}  // namespace fairlead::route
