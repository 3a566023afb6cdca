#pragma once
// Which known word somebody probably meant, and how to show a word of unknown origin in a message.
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace fairlead::config {

inline constexpr std::size_t kMaxShown = 120;  // bytes of a foreign text that a message repeats

// The word with the fewest edits from `word` (a letter more, less, other, or two swapped), the first of equals. Empty
// when none is near: more than a third of it would have to change, and none begins with it.
std::string_view nearest(std::string_view word, std::span<const std::string_view> known);
// ", the nearest is \"WORD\"", or nothing.
std::string nearest_hint(std::string_view word, std::span<const std::string_view> known);
// Control characters replaced: a message stays one line, whatever a file put into it.
std::string one_line(std::string text);
// At most kMaxShown bytes of it, on one line.
std::string shown(std::string_view text);

}  // namespace fairlead::config
