#pragma once
// How many different addresses and ports one agent may have dialled back within an hour. An address may be shared
// (carrier-grade NAT): without this, an agent could have ports of its neighbours tried one after the other. By
// identity, not by session: coming back buys nothing. Any thread.
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "common/base/ip.h"
#include "common/base/time.h"

namespace fairlead::rendezvous {

inline constexpr std::size_t kTargetsPerHour = 16;  // a router that moves the port with each repair needs some
inline constexpr Duration kTargetMemory = 1h;
inline constexpr std::size_t kLedgerIdentities = 32'768;

class TargetLedger {
 public:
  // False: one too many. A target that was admitted within the hour is no new one.
  bool admit(const std::string& spiffe_id, const SocketAddress& target, TimePoint now);
  std::size_t identities() const;

 private:
  struct Target {
    SocketAddress address;
    TimePoint at;
  };
  void forget_old(TimePoint now);

  mutable std::mutex mutex_;
  std::map<std::string, std::vector<Target>> targets_;
  TimePoint next_sweep_{};
};

}  // namespace fairlead::rendezvous
