#pragma once
// A limit that toml++ lacks: it makes one nested table for each part of a dotted key and destroys them by recursion, so
// that a key of a hundred thousand dots overflows the stack. A pure function, any thread.
#include <optional>
#include <string_view>

namespace fairlead::config {

// The line of the first key with more than kMaxKeyParts parts. Not a parser: text that is no TOML may have any answer,
// but as far as it is TOML no such key is missed.
std::optional<int> find_overlong_key(std::string_view text);

}  // namespace fairlead::config
