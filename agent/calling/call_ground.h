#pragma once
// What calls of one thread stand on: its loop and what hangs on it. Made, used and buried with that thread's loop.
#include "agent/calling/service_dial.h"
#include "common/net/farewell.h"
#include "common/net/names.h"
#include "common/net/pipe_pool.h"

namespace fairlead::agent {

struct CallGround {
  // `farewells`: at a time.
  CallGround(RelayRoom& room, Counters& counters, std::size_t farewells_max)
      : poller(loop),
        farewells(poller, farewells_max),
        names(loop),
        tools{.relay = {poller, pipes, farewells},
              .names = names,
              .addresses = addresses,
              .room = room,
              .counters = counters} {}

  net::Loop loop;
  net::Poller poller;
  net::PipePool pipes;  // for its scratch(): no call has a pipe
  net::Farewells farewells;
  net::Names names;
  core::AddressMemory addresses;
  const CallTools tools;
};

// What the relays of calls obey: TLS was ended here, so nothing is asked of their first bytes.
inline net::RelayLimits call_relay_limits(const Limits& limits) {
  return {.idle_timeout = limits.idle_timeout,
          .half_close_timeout = limits.half_close_timeout,
          .first = core::FlightRule::anything};
}

}  // namespace fairlead::agent
