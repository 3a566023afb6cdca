#pragma once
// Hash that lets containers of std::string be searched by std::string_view without a copy.
#include <cstddef>
#include <functional>
#include <string_view>

namespace fairlead::route {

struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
};

}  // namespace fairlead::route
