#pragma once
// What the sessions, the direct listener and the port mapper of one agent share: its loop and what hangs on it, the
// configuration that runs, and the places for relays. One loop; owned by the agent (or by a probe), outlives its users.
#include <string>

#include "agent/resource/counters.h"
#include "agent/resource/descriptor_plan.h"
#include "agent/resource/device_clock.h"
#include "agent/resource/relay_room.h"
#include "agent/resource/service_tools.h"
#include "agent/setting/config.h"
#include "common/base/random.h"
#include "common/net/relay.h"

namespace fairlead::agent {

// What all sessions of an agent share.
struct AgentTools {
  net::Loop& loop;
  net::RelayTools channel;
  const AgentConfig& config;
  Counters& counters;
  Rng& rng;
  RelayRoom room{0};
  DescriptorPlan descriptors;
  DeviceClock clock = DeviceClock("", WallTime{}, {WallTime{}, WallTime::max()});  // without another: the system's
  std::string cluster;  // CLUSTER of our services; empty: the rendezvous knows it from the certificate
  net::Names names{loop};
  core::AddressMemory target_addresses;
  TargetHealth target_health;
  LoopGuard loops;
  Terminations terminations;

  ServiceTools service() {
    return {.relay = channel,
            .addresses = target_addresses,
            .names = names,
            .health = target_health,
            .loops = loops,
            .terminations = terminations};
  }
  WallTime wall_now() const { return clock.read(host_time()).time; }
};

}  // namespace fairlead::agent
