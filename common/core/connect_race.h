#pragma once
// In which order and when the addresses of one destination are dialled (RFC 8305 §5, "Happy Eyeballs"): the next one as
// soon as one has failed, or 250 ms after the last attempt began, whichever is first; each address has its turn.
// Whoever answers first wins; the driver (net::Connector) then drops the others. Pure, time as an argument.
#include <optional>
#include <vector>

#include "common/base/ip.h"
#include "common/base/time.h"

namespace fairlead::core {

class ConnectRace {
 public:
  static constexpr Duration kAttemptDelay = 250ms;  // RFC 8305 §8
  static constexpr std::size_t kMostAddresses = 16;
  static constexpr Duration kFirstPause = 2ms;  // after on_busy, doubling
  static constexpr Duration kLongestPause = 50ms;

  ConnectRace() = default;
  // In this order (AddressMemory::order); what exceeds kMostAddresses is left out.
  explicit ConnectRace(std::vector<SocketAddress> addresses);

  // An attempt that is to begin now; then on_failed, on_busy, or nothing while it is under way.
  std::optional<SocketAddress> take_due(TimePoint now);
  void on_failed(TimePoint now);
  // The other side has no room for us at this moment: the same address again after a pause.
  void on_busy(const SocketAddress& address, TimePoint now);
  std::optional<TimePoint> deadline() const;  // of the next attempt; nullopt: all have begun
  bool lost() const { return waiting_.empty() && under_way_ == 0; }

 private:
  std::vector<SocketAddress> waiting_;  // the next last
  std::size_t under_way_ = 0;
  TimePoint next_at_{};
  Duration pause_ = kFirstPause;
};

}  // namespace fairlead::core
