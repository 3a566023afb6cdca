#pragma once
// Connections that have not said what they are, of one loop: what they count against, and who goes when that is full.
// The newcomer always stays. Whoever says what it wants at once never enters: a flood of silent ones cannot keep it
// out. Belongs to its loop's thread; the gauges are the program's, shared by its loops, and outlive it.
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "common/base/reason.h"
#include "common/base/source_gauge.h"
#include "common/core/fair_order.h"

namespace fairlead::front {

class Lobby {
 public:
  struct Shed {
    std::uint64_t number;
    Reason reason;  // unclassified_per_source, unclassified_max
  };
  enum class Sources : std::uint8_t {
    counted,
    trusted,  // a load balancer: all its clients come from one address
  };

  Lobby(Gauge& total, SourceGauge& per_source) : total_(total), per_source_(per_source) {}

  // `number` waits from now on. Who has to go for it: the oldest of its own source where that has its maximum, the
  // oldest of the fullest source where all have: of trusted ones where these are more than the counted, for a flood
  // elsewhere is not theirs. They have left already; the caller closes them.
  std::vector<Shed> enter(std::uint64_t number, const IpAddress& source, Sources sources);
  // It said what it is, or has gone. Unknown numbers are ignored.
  void leave(std::uint64_t number);
  std::size_t size() const { return places_.size(); }

 private:
  struct Place {
    core::FairOrder::Ticket ticket = 0;
    Sources sources = Sources::counted;
    GaugeToken total;
    SourceToken source;
  };

  std::optional<core::FairOrder::Ticket> oldest_around(const IpAddress& source) const;
  std::optional<core::FairOrder::Ticket> oldest_of_all() const;
  Shed shed(core::FairOrder::Ticket ticket, Reason reason);

  Gauge& total_;
  SourceGauge& per_source_;
  core::FairOrder counted_;
  core::FairOrder trusted_;
  core::FairOrder::Ticket last_ = 0;  // of both
  std::unordered_map<core::FairOrder::Ticket, std::uint64_t> numbers_;
  std::unordered_map<std::uint64_t, Place> places_;
};

}  // namespace fairlead::front
