#include "common/config/key_parts.h"

#include <algorithm>
#include <cstddef>

#include "common/config/value.h"

namespace fairlead::config {
namespace {

std::string_view three_of(char quote) {
  return quote == '"' ? "\"\"\"" : "'''";
}

// Behind the closing quote, or at the line break that must not be there: the parser will say so.
std::size_t skip_string(std::string_view text, std::size_t at) {
  const char quote = text[at];
  for (++at; at < text.size() && text[at] != '\n'; ++at) {
    if (text[at] == quote) return at + 1;
    if (text[at] == '\\' && quote == '"' && at + 1 < text.size() && text[at + 1] != '\n') ++at;
  }
  return at;
}

std::size_t skip_long_string(std::string_view text, std::size_t at) {
  const char quote = text[at];
  for (at += 3; at < text.size(); ++at) {
    if (text.substr(at).starts_with(three_of(quote))) {
      at += 3;
      // TOML 1.0: one or two quotes may stand directly before the closing three.
      for (int i = 0; i < 2 && at < text.size() && text[at] == quote; ++i) ++at;
      return at;
    }
    if (text[at] == '\\' && quote == '"') ++at;
  }
  return text.size();
}

// Behind a string or comment that begins at `at`; `at` itself where neither does.
std::size_t skip_opaque(std::string_view text, std::size_t at) {
  const char c = text[at];
  if (c == '#') return std::min(text.find('\n', at), text.size());
  if (c != '"' && c != '\'') return at;
  return text.substr(at).starts_with(three_of(c)) ? skip_long_string(text, at) : skip_string(text, at);
}

}  // namespace

std::optional<int> find_overlong_key(std::string_view text) {
  std::size_t dots = 0;
  for (std::size_t at = 0; at < text.size();) {
    if (const std::size_t behind = skip_opaque(text, at); behind != at) {
      at = behind;
      continue;
    }
    const char c = text[at];
    if (c == '.' && ++dots >= kMaxKeyParts) {
      return 1 + static_cast<int>(std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(at), '\n'));
    }
    // A key ends, or begins, at each of these.
    if (c == '\n' || c == '=' || c == ',' || c == '{' || c == '[') dots = 0;
    ++at;
  }
  return std::nullopt;
}

}  // namespace fairlead::config
