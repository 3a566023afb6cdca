#pragma once
// A limit per source address: each unit counts for the address's narrowest source and for the wider ones around it
// (source_key.h), so that neither one host nor one site has everything. Any thread.
#include <array>
#include <optional>

#include "common/base/gauge.h"
#include "common/base/source_key.h"

namespace fairlead {

class SourceGauge {
 public:
  using Unit = KeyedGauge<SourceKey>::Token;
  using Token = std::array<Unit, SourceLevels::kMost>;  // v4: the first alone is in use

  explicit SourceGauge(std::size_t max) : units_(max) {}

  // None: the address, or a network around it, has its maximum.
  std::optional<Token> take(const IpAddress& address);
  // The source in most use, wider ones by their part of their larger maximum.
  std::size_t highest() const;
  std::size_t max() const { return units_.max(); }
  void set_max(std::size_t max) { units_.set_max(max); }

 private:
  KeyedGauge<SourceKey> units_;
};

using SourceToken = SourceGauge::Token;

}  // namespace fairlead
