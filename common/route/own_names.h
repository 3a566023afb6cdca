#pragma once
// Which server names end at this program itself, and under which domains services may also be called (at the
// rendezvous: [server] names and domains). Immutable value; any thread.
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "common/route/text_hash.h"

namespace fairlead::route {

class OwnNames {
 public:
  OwnNames() = default;
  OwnNames(const std::vector<std::string>& names, const std::vector<std::string>& domains);

  // No name, an IP literal, or one of `names`; `name` as normalize_name() makes it.
  bool ends_here(std::string_view name) const;
  bool is_own(std::string_view name) const { return names_.contains(name); }
  const std::vector<std::string>& domains() const { return domains_; }

 private:
  std::unordered_set<std::string, TextHash, std::equal_to<>> names_;
  std::vector<std::string> domains_;
};

}  // namespace fairlead::route
