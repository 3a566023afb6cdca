#pragma once
// Entries by their key, as a tree by the bits of the key's hash. A copy costs one pointer and shares everything; a
// change afterwards copies the few nodes on its way and leaves the other copy as it was. So a table of 100,000 names
// is published for what changed in it, not for what it holds. Copies may be read by any thread; one that is being
// changed belongs to one thread, and freeze() separates what was handed out from what is changed next.
//
// An Entry is immutable, has `std::string_view key() const`, and is held by std::shared_ptr<const Entry>.
//
// Choice: 32 ways, and leaves of up to kLeafSlots hashes side by side: a lookup among 200,000 names meets two cold
// cache lines, and a change copies three branches. Refused: shards of std::unordered_set, copied whole (24 ms for a
// hundred new services among 100,000), and a short list of changes beside a large table (cheap, but with a merge now
// and then that costs as much).
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "common/route/text_hash.h"

namespace fairlead::route {

template <class Entry>
class HashTree {
 public:
  using EntryPtr = std::shared_ptr<const Entry>;

  HashTree() = default;
  HashTree(HashTree&&) noexcept = default;
  HashTree& operator=(HashTree&&) noexcept = default;

  const EntryPtr* find(std::string_view key) const;  // null when it is not there
  // Each entry once, in no order.
  template <class Visit>
  void for_each(Visit visit) const {
    visit_below(root_, visit);
  }
  std::size_t size() const { return size_; }

  void put(EntryPtr entry);  // takes the place of one with the same key
  void remove(std::string_view key);
  // A copy that later changes of this one do not reach, nor the other way round.
  HashTree freeze() {
    ++edition_;
    return *this;
  }

  // Branches that changes have copied because another table shared them.
  std::uint64_t branches_copied() const { return branches_copied_; }

 private:
  static constexpr unsigned kBits = 5;  // of the hash, per level
  static constexpr std::size_t kWays = std::size_t{1} << kBits;
  static constexpr std::size_t kLeafSlots = 8;
  static constexpr unsigned kHashBits = std::numeric_limits<std::size_t>::digits;

  struct Slot {
    std::size_t hash;
    EntryPtr entry;
  };
  struct Leaf {  // never changed, only replaced; more than kLeafSlots only where hashes are the same to the last bit
    std::shared_ptr<const Slot[]> slots;
    std::size_t count;  // value-initialised: 0
  };
  struct Branch;
  using Node = std::variant<Leaf, std::shared_ptr<Branch>>;
  struct Branch {
    std::uint64_t edition;  // of the table that may change it in place
    std::array<Node, kWays> children;
  };

  HashTree(const HashTree&) = default;
  static std::size_t way(std::size_t hash, unsigned level) { return (hash >> (level * kBits)) % kWays; }
  static bool is_empty(const Node& node) {
    const auto* leaf = std::get_if<Leaf>(&node);
    return leaf != nullptr && leaf->count == 0;
  }
  template <class Visit>
  static void visit_below(const Node& node, Visit& visit);
  static std::vector<Slot> slots_but(const Leaf& leaf, std::size_t hash, std::string_view key);
  static Leaf make_leaf(std::vector<Slot> slots);
  Branch& own(std::shared_ptr<Branch>& branch);
  Node make_node(std::vector<Slot> slots, unsigned level) const;
  void remove_below(Node& node, std::size_t hash, std::string_view key, unsigned level);

  Node root_;
  std::uint64_t edition_ = 0;
  std::size_t size_ = 0;
  std::uint64_t branches_copied_ = 0;
};

template <class Entry>
auto HashTree<Entry>::find(std::string_view key) const -> const EntryPtr* {
  const std::size_t hash = TextHash()(key);
  const Node* node = &root_;
  for (unsigned level = 0; const auto* branch = std::get_if<std::shared_ptr<Branch>>(node); ++level) {
    node = &(*branch)->children[way(hash, level)];
  }
  const Leaf& leaf = std::get<Leaf>(*node);
  for (std::size_t i = 0; i < leaf.count; ++i) {
    const Slot& slot = leaf.slots[i];
    if (slot.hash == hash && slot.entry->key() == key) return &slot.entry;
  }
  return nullptr;
}

template <class Entry>
template <class Visit>
void HashTree<Entry>::visit_below(const Node& node, Visit& visit) {
  if (const auto* branch = std::get_if<std::shared_ptr<Branch>>(&node)) {
    for (const Node& child : (*branch)->children) visit_below(child, visit);
    return;
  }
  const Leaf& leaf = std::get<Leaf>(node);
  for (std::size_t i = 0; i < leaf.count; ++i) visit(leaf.slots[i].entry);
}

template <class Entry>
auto HashTree<Entry>::slots_but(const Leaf& leaf, std::size_t hash, std::string_view key) -> std::vector<Slot> {
  std::vector<Slot> slots;
  slots.reserve(leaf.count + 1);
  for (std::size_t i = 0; i < leaf.count; ++i) {
    const Slot& slot = leaf.slots[i];
    if (slot.hash != hash || slot.entry->key() != key) slots.push_back(slot);
  }
  return slots;
}

template <class Entry>
auto HashTree<Entry>::make_leaf(std::vector<Slot> slots) -> Leaf {
  if (slots.empty()) return {};
  auto made = std::make_shared<Slot[]>(slots.size());
  std::move(slots.begin(), slots.end(), made.get());
  return {std::move(made), slots.size()};
}

template <class Entry>
auto HashTree<Entry>::make_node(std::vector<Slot> slots, unsigned level) const -> Node {
  if (slots.size() <= kLeafSlots || level * kBits >= kHashBits) return make_leaf(std::move(slots));
  std::array<std::vector<Slot>, kWays> parts;
  for (Slot& slot : slots) parts[way(slot.hash, level)].push_back(std::move(slot));
  auto branch = std::make_shared<Branch>();
  branch->edition = edition_;
  for (std::size_t i = 0; i < kWays; ++i) branch->children[i] = make_node(std::move(parts[i]), level + 1);
  return branch;
}

template <class Entry>
auto HashTree<Entry>::own(std::shared_ptr<Branch>& branch) -> Branch& {
  if (branch->edition != edition_) {
    branch = std::make_shared<Branch>(*branch);
    branch->edition = edition_;
    ++branches_copied_;
  }
  return *branch;
}

template <class Entry>
void HashTree<Entry>::put(EntryPtr entry) {
  const std::size_t hash = TextHash()(entry->key());
  Node* node = &root_;
  unsigned level = 0;
  for (; auto* branch = std::get_if<std::shared_ptr<Branch>>(node); ++level) {
    node = &own(*branch).children[way(hash, level)];
  }
  const Leaf& leaf = std::get<Leaf>(*node);
  std::vector<Slot> slots = slots_but(leaf, hash, entry->key());
  if (slots.size() == leaf.count) ++size_;
  slots.push_back({hash, std::move(entry)});
  *node = make_node(std::move(slots), level);
}

template <class Entry>
void HashTree<Entry>::remove(std::string_view key) {
  if (find(key) == nullptr) return;
  --size_;
  remove_below(root_, TextHash()(key), key, 0);
}

// Branches that became empty go as well; one that is only sparse stays, names tend to come back.
template <class Entry>
void HashTree<Entry>::remove_below(Node& node, std::size_t hash, std::string_view key, unsigned level) {
  if (const auto* leaf = std::get_if<Leaf>(&node)) {
    node = make_leaf(slots_but(*leaf, hash, key));
    return;
  }
  Branch& branch = own(std::get<std::shared_ptr<Branch>>(node));
  Node& child = branch.children[way(hash, level)];
  remove_below(child, hash, key, level + 1);
  if (is_empty(child) && std::ranges::all_of(branch.children, is_empty)) node = Leaf{};
}

}  // namespace fairlead::route
