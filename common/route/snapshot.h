#pragma once
// The routing table that accepting threads read: immutable, shared by pointer, cheap to replace. It is cut into shards
// by the hash of the name; a new snapshot shares every shard in which nothing changed. Built by NameIndex alone; any
// thread may read it. A Route keeps what it points at alive, whatever is published meanwhile.
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "common/base/reason.h"
#include "common/route/endpoint.h"
#include "common/route/own_names.h"
#include "common/route/text_hash.h"

namespace fairlead::route {

// What one name means now: which endpoints may serve it. Without endpoints: the name lived within the last hour.
struct NameEntry {
  std::string name;                             // as a client says it, lower-case: web.home, outbound_.8443_._.web...
  std::string service;                          // SERVICE.CLUSTER behind it
  std::string endpoint_wanted;                  // ENDPOINT, where the name asks for a single one; else empty
  std::vector<EndpointPtr> endpoints;           // by ENDPOINT
  TimePoint expected_until = TimePoint::min();  // without endpoints: one that was lost may be back until then
};

struct Route {
  enum class Kind : std::uint8_t {
    own,      // ends at this program itself
    service,  // candidates() is not empty
    unknown,  // reason unknown_name: alert 112
    refused,  // reason no_endpoint (the name lived within the last hour) or alpn_required: alert 80
  };

  Kind kind = Kind::unknown;
  Reason reason = Reason::unknown_name;    // of unknown and refused
  std::shared_ptr<const NameEntry> entry;  // of service, and of refused by no_endpoint; else null

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
  static constexpr std::size_t kShards = 256;

  struct EntryHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view name) const { return TextHash()(name); }
    std::size_t operator()(const std::shared_ptr<const NameEntry>& entry) const { return TextHash()(entry->name); }
  };
  struct EntryEqual {
    using is_transparent = void;
    static std::string_view name_of(std::string_view name) { return name; }
    static std::string_view name_of(const std::shared_ptr<const NameEntry>& entry) { return entry->name; }
    bool operator()(const auto& a, const auto& b) const { return name_of(a) == name_of(b); }
  };
  using Shard = std::unordered_set<std::shared_ptr<const NameEntry>, EntryHash, EntryEqual>;
  using Shards = std::array<std::shared_ptr<const Shard>, kShards>;  // null: empty

  Snapshot(Shards shards, std::shared_ptr<const OwnNames> own);

  static std::size_t shard_of(std::string_view name) { return TextHash()(name) % kShards; }

  // The table of interface.md, "Names", in its order. One lookup, a second one per domain where the name has a domain.
  Route route(std::string_view sni, const std::vector<std::string>& alpn) const;
  // For listeners whose service is fixed ([[port]]): SERVICE.CLUSTER and nothing else.
  Route route_service(std::string_view service) const;

 private:
  const std::shared_ptr<const NameEntry>* find(std::string_view name) const;
  Route route_istio(std::string_view name, const std::vector<std::string>& alpn) const;

  Shards shards_;
  std::shared_ptr<const OwnNames> own_;
};

}  // namespace fairlead::route
