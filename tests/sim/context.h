#pragma once
// What all parts of one simulated world share.
#include "common/base/random.h"
#include "tests/sim/ledger.h"
#include "tests/sim/network.h"
#include "tests/sim/scheduler.h"

namespace fairlead::sim {

struct Context {
  Scheduler& scheduler;
  Rng& rng;
  Network& network;
  Ledger& ledger;

  TimePoint now() const { return scheduler.now(); }
  bool chance(unsigned percent) { return rng.below(100) < percent; }
  Duration up_to(Duration most) { return Duration(rng.below(static_cast<std::uint64_t>(most.count()) + 1)); }
};

// The longest time after a path's repair in which an end may still take the other for dead: both pings were lost.
inline constexpr Duration kGrace = 80s;

// May one side of this connection rightly believe that the other is dead?
inline bool excusable(const Connection& connection, TimePoint now) {
  return connection.harmed() || connection.host.cut_until + kGrace > now;
}

// The agents' cluster: all of them are of one.
inline const std::string kCluster = "home";

// What a service sends back, so that a client can tell whom it reached.
inline std::string greeting(const std::string& service, ByteView hello) {
  return service + "#" + to_hex(hello);
}

}  // namespace fairlead::sim
