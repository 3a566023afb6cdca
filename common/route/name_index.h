#pragma once
// Every name that clients may say, with the endpoints behind it, and the snapshots made of them. Its owner (the
// rendezvous's Registry, an agent's ServiceTable) has checked policy; one thread.
//
// A name means the first of these that is live: members of an Istio subset, the endpoint of that name (both within
// outbound_ names); a service that claimed it as host or sni, the one whose lowest port is lowest; an endpoint; a
// service. A name without a live endpoint is remembered for kRememberName, so that clients get 80 and not 112.
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/base/result.h"
#include "common/route/snapshot.h"

namespace fairlead::route {

inline constexpr Duration kRememberName = 1h;
inline constexpr std::size_t kMaxRememberedNames = 65536;  // beyond it the oldest are forgotten early

enum class NameKind : std::uint8_t { subset, subset_endpoint, host, endpoint, service };

struct NameUse {
  std::string name;
  NameKind kind;
  bool operator==(const NameUse&) const = default;
};

// All names under which clients reach this endpoint. A host or sni that is its own SERVICE.CLUSTER or
// ENDPOINT.SERVICE.CLUSTER anyway is left out: it must not draw the connections of the service's other endpoints.
std::vector<NameUse> names_of(const Endpoint& endpoint, const std::vector<std::string>& domains);

// How an endpoint went: on purpose, or because its session broke, and then it is usually back within seconds.
enum class Departure : std::uint8_t { left, lost };
inline constexpr Duration kReturnGrace = 5s;

class NameIndex {
 public:
  explicit NameIndex(OwnNames own);

  // name_taken, with the name and who holds it, if `wanted` may not have one of its names beside those that live now.
  // Registrations of the same identity, service and endpoint do not count: they will be replaced.
  Result<void> check(const Endpoint& wanted) const;

  void add(const EndpointPtr& endpoint);  // check() has passed
  void remove(const EndpointPtr& endpoint, TimePoint now, Departure how);
  void expire(TimePoint now);  // forgets names; cheap when there is nothing to forget
  void replace_own_names(const std::vector<std::string>& names);

  // A snapshot of all that happened so far, or null when nothing did since the last one.
  std::shared_ptr<const Snapshot> publish();

  const std::vector<std::string>& domains() const { return own_->domains(); }
  std::size_t services() const { return services_; }  // live SERVICE.CLUSTER
  std::uint64_t branches_copied() const { return table_.branches_copied(); }

 private:
  // The endpoints that give one name one meaning.
  struct Group {
    NameKind kind;
    std::string service;
    std::vector<EndpointPtr> live;  // by ENDPOINT, never empty
  };
  struct Name {
    std::vector<Group> groups;
    std::string last_service;
    std::optional<TimePoint> remembered_until;  // while it has no group
    TimePoint expected_until = TimePoint::min();
    bool dirty = false;
  };
  using Names = std::unordered_map<std::string, Name, TextHash, std::equal_to<>>;

  Result<void> check_claimed(std::string_view name, const Endpoint& wanted) const;
  Result<void> check_readings(std::string_view name, const Endpoint& wanted) const;
  Result<void> check_mesh_name(const std::string& name, NameKind kind, const Endpoint& wanted) const;
  static bool holds_host(const Name& name, const Endpoint& wanted);
  const Name* find(std::string_view name) const;
  bool is_live(std::string_view name, NameKind kind) const;
  void remember(Names::value_type& name, TimePoint now, Departure how);
  void forget_oldest();
  void mark(Names::value_type& name);
  static NameEntryPtr entry_of(const Names::value_type& name);

  std::shared_ptr<const OwnNames> own_;
  Names names_;
  struct Remembered {
    TimePoint until;
    std::string name;
  };
  std::deque<Remembered> remembered_;      // oldest first; may hold names that live again
  std::vector<Names::value_type*> dirty_;  // nodes do not move, and only publish() erases them
  bool own_changed_ = true;
  NameTable table_;
  std::size_t services_ = 0;
};

}  // namespace fairlead::route
