#pragma once
// What the threads of one server share. Built by Server before any thread starts and outlives them all; every member
// may be used from any thread unless it says otherwise.
#include <memory>
#include <vector>

#include "common/base/gauge.h"
#include "common/base/source_gauge.h"
#include "common/base/time.h"
#include "common/core/relay_budget.h"
#include "common/wire/ids.h"
#include "rendezvous/record/access_lines.h"
#include "rendezvous/record/counters.h"
#include "rendezvous/registry/routing.h"
#include "rendezvous/relay/service_room.h"
#include "rendezvous/relay/session_directory.h"
#include "rendezvous/setting/config.h"

namespace fairlead::rendezvous {

class Worker;

// The numbers of [limits] that count something.
struct Gauges {
  explicit Gauges(const Limits& limits)
      : unclassified(limits.unclassified_max),
        unclassified_per_source(limits.unclassified_per_source),
        sessions(limits.sessions_max),
        channels(limits.channels_max),
        relays(limits.relays_max),
        relays_per_source(limits.relays_per_source),
        unproved_per_source(limits.unproved_per_source),
        relays_per_service(limits.relays_per_service, limits.relays_per_source),
        verify_dials(limits.verify_dials_max),
        verify_dials_per_target(limits.verify_dials_per_target) {}

  // After a reload: what is in use beyond a lowered maximum stays, and nothing is added to it.
  void apply(const Limits& limits) {
    unclassified.set_max(limits.unclassified_max);
    unclassified_per_source.set_max(limits.unclassified_per_source);
    sessions.set_max(limits.sessions_max);
    channels.set_max(limits.channels_max);
    relays.set_max(limits.relays_max);
    relays_per_source.set_max(limits.relays_per_source);
    unproved_per_source.set_max(limits.unproved_per_source);
    relays_per_service.set_max(limits.relays_per_service, limits.relays_per_source);
    verify_dials.set_max(limits.verify_dials_max);
    verify_dials_per_target.set_max(limits.verify_dials_per_target);
  }

  Gauge unclassified;
  SourceGauge unclassified_per_source;
  Gauge sessions;
  Gauge channels;  // ready ones
  Gauge relays;
  SourceGauge relays_per_source;
  SourceGauge unproved_per_source;
  ServiceRoom relays_per_service;
  Gauge verify_dials;
  SourceGauge verify_dials_per_target;
};

struct Shared {
  Shared(const Limits& limits, AccessLog access, std::shared_ptr<const Snapshot> first_routes)
      : gauges(limits), relay_budget(limits.relay_memory), access_log(access), routes(std::move(first_routes)) {}

  Gauges gauges;
  core::RelayBudget relay_budget;
  Counters counters;
  AccessLines access_log;
  SessionDirectory sessions;
  SnapshotCell routes;
  std::size_t large_pipes = 0;  // of each worker, as the next two; fixed before the threads start
  std::size_t most_pipes = 0;
  std::size_t most_farewells = 0;
  std::vector<Worker*> workers;  // by index; fixed before the threads start; only post() may be called from elsewhere
  std::vector<std::string> domains;  // [server] domains; fixed before the threads start
  wire::InstanceId instance{};
  TimePoint started;  // unknown names wait for a while after it
};

}  // namespace fairlead::rendezvous
