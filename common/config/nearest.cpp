#include "common/config/nearest.h"

#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

namespace fairlead::config {
namespace {

constexpr std::size_t kMaxCompared = 64;  // longer words are cut: the work stays bounded whatever a file holds

// Levenshtein distance, one row at a time.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row[b.size()];
}

}  // namespace

std::string_view nearest(std::string_view word, std::span<const std::string_view> known) {
  std::string_view best;
  std::size_t fewest = static_cast<std::size_t>(-1);
  for (const std::string_view candidate : known) {
    const std::size_t edits = distance(word.substr(0, kMaxCompared), candidate.substr(0, kMaxCompared));
    if (edits >= fewest) continue;
    fewest = edits;
    best = candidate;
  }
  return best;
}

std::string one_line(std::string text) {
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  std::replace_if(text.begin(), text.end(), is_control, '?');
  return text;
}

std::string shown(std::string_view text) {
  const bool cut = text.size() > kMaxShown;
  std::string out(text.substr(0, kMaxShown));
  while (cut && !out.empty() && (static_cast<unsigned char>(out.back()) & 0x80) != 0) out.pop_back();
  if (cut) out += "...";
  return one_line(std::move(out));
}

}  // namespace fairlead::config
