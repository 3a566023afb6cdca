#pragma once
// Further files of a configuration: `include = ["services.d/*.toml"]` in one of its tables. Each file is read once, in
// the order of the patterns and of names within one; relative paths inside it begin at its own folder.
#include <functional>
#include <string_view>

#include "common/config/section.h"

namespace fairlead::config {

inline constexpr std::size_t kMaxIncluded = 1000;  // of one pattern

// Hands each file's root to `read`, which takes what may stand there: whatever else does is refused, at its own file
// and line. `otherwise`: the pattern where `section` has no `include`; empty: none. A pattern without a match is no
// error, a plain name without its file is.
void read_included(Section& section, std::string_view otherwise, const std::function<void(Section& root)>& read);

}  // namespace fairlead::config
