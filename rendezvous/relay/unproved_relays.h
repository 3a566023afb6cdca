#pragma once
// Relays of one worker whose client has said nothing behind its hello: a few of one source at most, for such a relay
// costs its client one packet and us two descriptors and a service's connection. When a source has its maximum, its
// oldest goes and the newcomer stays. Nothing is done for a relay but to take and give back a token, until a source
// is full. One thread; the gauge is the server's.
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>

#include "common/base/source_gauge.h"

namespace fairlead::rendezvous {

class UnprovedRelays {
 public:
  enum class State : std::uint8_t { gone, unproved, proved };
  // How a relay stands now; one that is proved gives its token back within.
  using Look = std::function<State(std::uint64_t number)>;
  using Close = std::function<void(std::uint64_t number)>;  // its token is back when this returns

  UnprovedRelays(SourceGauge& per_source, Look look, Close close)
      : per_source_(per_source), look_(std::move(look)), close_(std::move(close)) {}

  // For one that begins; may close another. Empty: other workers have all that its source may have.
  SourceToken admit(const IpAddress& source);
  // It has begun, with that token.
  void add(std::uint64_t number, const IpAddress& source);
  std::size_t size() const { return young_.size(); }

 private:
  struct Young {
    std::uint64_t number;
    IpAddress source;
  };

  void forget_finished();
  std::optional<std::uint64_t> take_oldest_beside(const IpAddress& source);

  SourceGauge& per_source_;
  Look look_;
  Close close_;
  std::deque<Young> young_;  // by their beginning
};

}  // namespace fairlead::rendezvous
