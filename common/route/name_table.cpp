#include "common/route/name_table.h"

#include <algorithm>
#include <utility>

namespace fairlead::route {

const NameEntryPtr* NameTable::find(std::string_view name) const {
  const std::size_t hash = TextHash()(name);
  const Node* node = &root_;
  for (unsigned level = 0; const auto* branch = std::get_if<std::shared_ptr<Branch>>(node); ++level) {
    node = &(*branch)->children[way(hash, level)];
  }
  const Leaf& leaf = std::get<Leaf>(*node);
  for (std::size_t i = 0; i < leaf.count; ++i) {
    const Slot& slot = leaf.slots[i];
    if (slot.hash == hash && slot.entry->name == name) return &slot.entry;
  }
  return nullptr;
}

bool NameTable::is_empty(const Node& node) {
  const auto* leaf = std::get_if<Leaf>(&node);
  return leaf != nullptr && leaf->count == 0;
}

std::vector<NameTable::Slot> NameTable::slots_but(const Leaf& leaf, std::size_t hash, std::string_view name) {
  std::vector<Slot> slots;
  slots.reserve(leaf.count + 1);
  for (std::size_t i = 0; i < leaf.count; ++i) {
    const Slot& slot = leaf.slots[i];
    if (slot.hash != hash || slot.entry->name != name) slots.push_back(slot);
  }
  return slots;
}

NameTable::Leaf NameTable::make_leaf(std::vector<Slot> slots) {
  if (slots.empty()) return {};
  auto made = std::make_shared<Slot[]>(slots.size());
  std::move(slots.begin(), slots.end(), made.get());
  return {std::move(made), slots.size()};
}

NameTable::Node NameTable::make_node(std::vector<Slot> slots, unsigned level) const {
  if (slots.size() <= kLeafNames || level * kBits >= kHashBits) return make_leaf(std::move(slots));
  std::array<std::vector<Slot>, kWays> parts;
  for (Slot& slot : slots) parts[way(slot.hash, level)].push_back(std::move(slot));
  auto branch = std::make_shared<Branch>();
  branch->edition = edition_;
  for (std::size_t i = 0; i < kWays; ++i) branch->children[i] = make_node(std::move(parts[i]), level + 1);
  return branch;
}

NameTable::Branch& NameTable::own(std::shared_ptr<Branch>& branch) {
  if (branch->edition != edition_) {
    branch = std::make_shared<Branch>(*branch);
    branch->edition = edition_;
    ++branches_copied_;
  }
  return *branch;
}

void NameTable::put(NameEntryPtr entry) {
  const std::size_t hash = TextHash()(entry->name);
  Node* node = &root_;
  unsigned level = 0;
  for (; auto* branch = std::get_if<std::shared_ptr<Branch>>(node); ++level) {
    node = &own(*branch).children[way(hash, level)];
  }
  std::vector<Slot> slots = slots_but(std::get<Leaf>(*node), hash, entry->name);
  slots.push_back({hash, std::move(entry)});
  *node = make_node(std::move(slots), level);
}

void NameTable::remove(std::string_view name) {
  if (find(name) != nullptr) remove_below(root_, TextHash()(name), name, 0);
}

// Branches that became empty go as well; one that is only sparse stays, names tend to come back.
void NameTable::remove_below(Node& node, std::size_t hash, std::string_view name, unsigned level) {
  if (const auto* leaf = std::get_if<Leaf>(&node)) {
    node = make_leaf(slots_but(*leaf, hash, name));
    return;
  }
  Branch& branch = own(std::get<std::shared_ptr<Branch>>(node));
  Node& child = branch.children[way(hash, level)];
  remove_below(child, hash, name, level + 1);
  if (is_empty(child) && std::ranges::all_of(branch.children, is_empty)) node = Leaf{};
}

NameTable NameTable::freeze() {
  ++edition_;
  return *this;
}

}  // namespace fairlead::route
