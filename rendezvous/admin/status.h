#pragma once
// What `status` answers, as a pure function of a view that the server takes: JSON for machines, text for people.
// Shapes: interface.md, "What --json holds at least".
#include <string>
#include <vector>

#include "common/base/log.h"
#include "common/base/result.h"
#include "common/tls/time_text.h"
#include "common/wire/http_head.h"
#include "rendezvous/registry/listing.h"
#include "rendezvous/registry/registry.h"
#include "rendezvous/relay/carrier.h"
#include "rendezvous/relay/worker.h"

namespace fairlead::rendezvous {

struct LimitUse {
  std::string name;
  std::size_t used = 0;
  std::size_t max = 0;
};

struct ReasonCount {
  Reason reason;
  std::uint64_t count;
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
  std::vector<SessionSummary> sessions;  // filled for what the request lists, and for problems
  std::vector<ListedEndpoint> endpoints;
  std::vector<RelaySummary> relays;
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
// What is not well, one line each, with a reason code in front.
std::vector<std::string> find_problems(const StatusReport& view);

}  // namespace fairlead::rendezvous
