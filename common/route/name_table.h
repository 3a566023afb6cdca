#pragma once
// Names and what they mean, as a tree by the bits of the name's hash. A copy costs one pointer and shares everything;
// a change afterwards copies the few nodes on its way and leaves the other copy as it was. So a table of 100,000
// services is published for what changed in it, not for what it holds. Copies may be read by any thread; one that is
// being changed belongs to one thread, and freeze() separates what was handed out from what is changed next.
//
// Choice: 32 ways, and leaves of up to kLeafNames hashes side by side: a lookup among 200,000 names meets two cold
// cache lines, and a change copies three branches. Refused: shards of std::unordered_set, copied whole (24 ms for a
// hundred new services among 100,000), and a short list of changes beside a large table (cheap, but with a merge now
// and then that costs as much).
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/base/time.h"
#include "common/route/endpoint.h"
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

using NameEntryPtr = std::shared_ptr<const NameEntry>;

class NameTable {
 public:
  NameTable() = default;
  NameTable(NameTable&&) = default;
  NameTable& operator=(NameTable&&) = default;

  const NameEntryPtr* find(std::string_view name) const;  // null when it is not there

  void put(NameEntryPtr entry);  // takes the place of one with the same name
  void remove(std::string_view name);
  // A copy that later changes of this one do not reach, nor the other way round.
  NameTable freeze();

  // Branches that changes have copied because another table shared them.
  std::uint64_t branches_copied() const { return branches_copied_; }

 private:
  static constexpr unsigned kBits = 5;  // of the hash, per level
  static constexpr std::size_t kWays = std::size_t{1} << kBits;
  static constexpr std::size_t kLeafNames = 8;
  static constexpr unsigned kHashBits = std::numeric_limits<std::size_t>::digits;

  struct Slot {
    std::size_t hash;
    NameEntryPtr entry;
  };
  struct Leaf {  // never changed, only replaced; more than kLeafNames only where hashes are the same to the last bit
    std::shared_ptr<const Slot[]> slots;
    std::size_t count;  // value-initialised: 0
  };
  struct Branch;
  using Node = std::variant<Leaf, std::shared_ptr<Branch>>;
  struct Branch {
    std::uint64_t edition;  // of the table that may change it in place
    std::array<Node, kWays> children;
  };

  NameTable(const NameTable&) = default;
  static std::size_t way(std::size_t hash, unsigned level) { return (hash >> (level * kBits)) % kWays; }
  static bool is_empty(const Node& node);
  static std::vector<Slot> slots_but(const Leaf& leaf, std::size_t hash, std::string_view name);
  static Leaf make_leaf(std::vector<Slot> slots);
  Branch& own(std::shared_ptr<Branch>& branch);
  Node make_node(std::vector<Slot> slots, unsigned level) const;
  void remove_below(Node& node, std::size_t hash, std::string_view name, unsigned level);

  Node root_;
  std::uint64_t edition_ = 0;
  std::uint64_t branches_copied_ = 0;
};

}  // namespace fairlead::route
