#include "common/base/pattern.h"

#include <algorithm>

namespace fairlead {
namespace {

char separator_of(PatternKind kind) {
  return kind == PatternKind::name ? '.' : '/';
}

// Cuts the first part off `text`; nullopt when nothing is left.
std::optional<std::string_view> next_part(std::optional<std::string_view>& text, char separator) {
  if (!text) return std::nullopt;
  const auto at = text->find(separator);
  const std::string_view part = text->substr(0, at);
  text = at == std::string_view::npos ? std::nullopt : std::optional(text->substr(at + 1));
  return part;
}

bool is_capture(std::string_view part) {
  return part.size() > 2 && part.front() == '{' && part.back() == '}' &&
         part.substr(1, part.size() - 2).find_first_of("{}*") == std::string_view::npos;
}

bool part_matches(std::string_view pattern, std::string_view text, Captures& captures) {
  if (pattern == "*") return !text.empty();
  if (!is_capture(pattern)) return pattern == text;
  if (text.empty()) return false;
  const auto [at, added] = captures.emplace(pattern.substr(1, pattern.size() - 2), text);
  return added || at->second == text;
}

}  // namespace

bool pattern_valid(PatternKind kind, std::string_view pattern) {
  if (pattern.empty()) return false;
  std::optional<std::string_view> rest = pattern;
  while (const auto part = next_part(rest, separator_of(kind))) {
    if (*part == "*" || is_capture(*part)) continue;
    if (*part == "**") {
      if (kind != PatternKind::spiffe || rest) return false;
      continue;
    }
    if (part->find_first_of("*{}") != std::string_view::npos) return false;
  }
  return true;
}

bool pattern_match(PatternKind kind, std::string_view pattern, std::string_view text, Captures& captures) {
  Captures found = captures;
  std::optional<std::string_view> pattern_rest = pattern;
  std::optional<std::string_view> text_rest = text;
  while (const auto part = next_part(pattern_rest, separator_of(kind))) {
    if (*part == "**" && kind == PatternKind::spiffe) {
      if (!text_rest || text_rest->empty()) return false;
      captures = std::move(found);
      return true;
    }
    const auto piece = next_part(text_rest, separator_of(kind));
    if (!piece || !part_matches(*part, *piece, found)) return false;
  }
  if (text_rest) return false;
  captures = std::move(found);
  return true;
}

std::string pattern_expand(std::string_view pattern, const Captures& captures) {
  std::string out;
  while (!pattern.empty()) {
    const auto open = pattern.find('{');
    out += pattern.substr(0, open);
    if (open == std::string_view::npos) break;
    const auto close = pattern.find('}', open);
    if (close == std::string_view::npos) return out += pattern.substr(open);
    const auto found = captures.find(pattern.substr(open + 1, close - open - 1));
    out += found != captures.end() ? std::string_view(found->second) : pattern.substr(open, close - open + 1);
    pattern.remove_prefix(close + 1);
  }
  return out;
}

std::string normalize_name(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  std::string out(name);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return out;
}

bool is_label(std::string_view text) {
  return !text.empty() && text.size() <= 63 && text.front() != '-' && text.back() != '-' &&
         text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string_view::npos;
}

}  // namespace fairlead
