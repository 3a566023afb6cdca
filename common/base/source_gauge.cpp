#include "common/base/source_gauge.h"

namespace fairlead {

std::optional<SourceGauge::Token> SourceGauge::take(const IpAddress& address) {
  const SourceLevels levels(address);
  Token out;
  for (std::size_t i = 0; i < levels.size(); ++i) {
    auto unit = units_.take(levels[i], max() * levels[i].factor());
    if (!unit) return std::nullopt;
    out[i] = std::move(*unit);
  }
  return out;
}

std::size_t SourceGauge::highest() const {
  return units_.highest(
      [](const SourceKey& key, std::size_t used) { return (used + key.factor() - 1) / key.factor(); });
}

}  // namespace fairlead
