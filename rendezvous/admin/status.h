#pragma once
// What `status` answers, as a pure function of copied values: JSON for machines (it only gains keys), text for
// people. Any thread; nothing live is in here (collect.h copies the numbers).
#include <string>
#include <vector>

#include "common/base/log.h"
#include "common/base/problem.h"
#include "common/base/result.h"
#include "common/tls/time_text.h"
#include "rendezvous/record/relay_summary.h"
#include "rendezvous/registry/listing.h"

namespace fairlead::rendezvous {

struct LimitUse {
  std::string name;  // its key in [limits]
  Reason reason;     // by which it turns away or closes
  std::size_t used = 0;
  std::size_t max = 0;
};

struct ReasonCount {
  Reason reason;
  std::uint64_t count;
};

struct AgentRow {
  std::string spiffe_id;
  std::string endpoint;
  std::string cluster;
  std::string software;
  std::string address;
  WallTime since{};
  Duration rtt{};
  std::size_t channels_ready = 0;
  std::size_t relays = 0;
  std::uint64_t duplicates_refused = 0;
  std::vector<std::string> services;
};

// One way to one endpoint of a service.
struct WayRow {
  std::string service;
  std::string endpoint;
  std::string path;  // direct, relay
  std::string address;
  std::string method;  // of a direct one
  std::string state;   // live, verifying, down
  WallTime since{};
  std::string reason;
  std::uint32_t relays = 0;
  std::uint32_t failures = 0;  // in a row
};

struct WayListing {
  std::vector<WayRow> rows;
  std::size_t shown = 0;    // endpoints
  std::size_t matched = 0;  // as well
};

struct StatusReport {
  WallTime now{};
  TimePoint now_steady;
  WallTime started{};
  std::string instance;         // hex
  std::string state;            // serving, draining, closing
  std::vector<Error> standing;  // of this host: an address that cannot be listened on, a file that cannot be written
  LogCounts log;
  std::string spiffe_id;
  WallTime not_after{};
  std::vector<std::string> public_addresses;
  std::vector<LimitUse> limits;
  RegistryCounters registry;
  std::size_t relays_live = 0;
  std::uint64_t relays_total = 0;
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  std::vector<ReasonCount> closed;
  std::vector<ReasonCount> refused;
  std::vector<Problem> problems;
  Listing<AgentRow> agents;  // the one that the page lists is filled
  WayListing ways;
  Listing<RelaySummary> relays;
};

enum class AnswerForm { json, text };

std::string render_summary(const StatusReport& view, AnswerForm form);
std::string render_agents(const StatusReport& view, AnswerForm form);
std::string render_services(const StatusReport& view, AnswerForm form);
std::string render_relays(const StatusReport& view, AnswerForm form);

// RFC 3339, UTC.
inline std::string format_time(WallTime time) {
  return tls::time_text(time);
}

}  // namespace fairlead::rendezvous
