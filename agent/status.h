#pragma once
// What the agent's `status` answers, as a pure function of a report: JSON for machines, text for people.
// The JSON only gains keys; times are RFC 3339, durations seconds, enums snake_case.
#include <optional>
#include <string>
#include <vector>

#include "agent/calling/egress_ports.h"
#include "agent/nat/port_mapper.h"
#include "agent/resource/counters.h"
#include "common/base/log.h"
#include "common/base/problem.h"
#include "common/base/result.h"
#include "common/base/time.h"

namespace fairlead::agent {

struct ServiceReport {
  std::string name;  // SERVICE.CLUSTER once known, else SERVICE
  std::string path;  // relay, direct, down
  std::string address;
  WallTime since{};
  std::string reason;
  std::string detail;
  std::optional<Error> target;             // why the latest call of it failed at its target
  std::vector<std::string> refused_names;  // "db.home (policy_denied)": it lives without them
};

struct RendezvousReport {
  std::string address;
  std::string state;
  WallTime since{};
  std::size_t channels_ready = 0;
  std::size_t channels_busy = 0;
  std::string reason;  // of the last failure, while there is no session
  std::string detail;
};

struct StatusReport {
  WallTime now{};
  WallTime started{};
  LogCounts log;
  std::vector<Error> standing;  // of this host: an address that cannot be listened on, a file that cannot be written
  std::string spiffe_id;
  WallTime not_before{};
  WallTime not_after{};
  std::vector<ServiceReport> services;
  std::vector<RendezvousReport> rendezvous;
  std::vector<EgressReport> egress;
  std::optional<EgressReport> proxy;  // without a name
  std::size_t relays = 0;
  std::size_t relays_max = 0;
  std::size_t memory_used = 0;  // set aside
  std::size_t memory_max = 0;   // 0: no ceiling
  std::vector<nat::MappingReport> mappings;
  Counters counters;
  std::vector<Problem> problems;
};

// The line that a person who exposes a service waits for: its name, its path, the address.
std::string render_json(const ServiceReport& service);
std::string render_text(const ServiceReport& service);
std::string render_json(const StatusReport& report);
std::string render_text(const StatusReport& report);

}  // namespace fairlead::agent
