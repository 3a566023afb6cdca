#include "common/config/nearest.h"

#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

namespace fairlead::config {
namespace {

constexpr std::size_t kShortestBeginning = 3;
constexpr std::size_t kMaxCompared = 64;  // longer words are cut: the work stays bounded whatever a file holds

// Damerau-Levenshtein distance with adjacent swaps (optimal string alignment), three rows at a time.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> older(b.size() + 1);
  std::vector<std::size_t> above(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    older.swap(above);
    above.swap(row);
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      row[j + 1] = std::min({above[j] + (a[i] == b[j] ? 0 : 1), row[j] + 1, above[j + 1] + 1});
      const bool swapped = i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j];
      if (swapped) row[j + 1] = std::min(row[j + 1], older[j - 1] + 1);
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
    const std::size_t most = std::max<std::size_t>(1, std::max(word.size(), candidate.size()) / 3);
    const bool all_else = edits >= std::min(word.size(), candidate.size());  // nothing of it is left
    if (edits >= fewest || edits > most || all_else) continue;
    fewest = edits;
    best = candidate;
  }
  if (!best.empty() || word.size() < kShortestBeginning) return best;
  const auto begun = std::find_if(known.begin(), known.end(), [&](auto each) { return each.starts_with(word); });
  return begun != known.end() ? *begun : best;
}

std::string nearest_hint(std::string_view word, std::span<const std::string_view> known) {
  const std::string_view best = nearest(word, known);
  return best.empty() ? "" : ", the nearest is \"" + std::string(best) + "\"";
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
