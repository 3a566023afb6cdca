#pragma once
// What every connection to a service needs of the agent, whichever way its caller came. Its parts outlive all
// connections. One loop.
#include "agent/resource/loop_guard.h"
#include "agent/resource/target_health.h"
#include "agent/resource/terminations.h"
#include "common/core/address_memory.h"
#include "common/net/names.h"
#include "common/net/relay.h"

namespace fairlead::agent {

struct ServiceTools {
  net::RelayTools relay;
  core::AddressMemory& addresses;  // of all targets
  net::Names& names;
  TargetHealth& health;
  LoopGuard& loops;
  Terminations& terminations;

  net::Poller& poller() const { return relay.poller; }
  net::Loop& loop() const { return relay.poller.loop(); }
};

}  // namespace fairlead::agent
