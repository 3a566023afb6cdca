#pragma once
// What the sessions, the direct listener and the port mapper of one agent share: its loop and what hangs on it, the
// configuration that runs, and the places for relays. One loop; owned by the agent (or by a probe), outlives its users.
#include <cstddef>
#include <string>

#include "agent/resource/counters.h"
#include "agent/resource/descriptor_plan.h"
#include "agent/resource/device_clock.h"
#include "agent/resource/memory_budget.h"
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
  std::size_t relays = 0;  // live, all sessions and direct ones
  std::size_t relays_max = 0;
  MemoryBudget memory;
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

  // A place for one more relay to this service and what it may hold; agent_busy, memory_limit.
  Result<RelayShare> take_relay(const ServiceConfig& service) {
    if (relays >= relays_max) return fail(Reason::agent_busy, "limits.relays_max");
    const auto share = service.tls == Tls::terminate ? memory.take_terminated() : memory.take_relay();
    if (!share) return fail(Reason::memory_limit, "limits.memory");
    ++relays;
    return *share;
  }
  void give_back(const RelayShare& share) {
    --relays;
    memory.give_back(share);
  }
};

}  // namespace fairlead::agent
