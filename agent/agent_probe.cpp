// The part of Agent that runs `probe`: everything is started as for run(), looked at until it has settled, and undone.
#include <fmt/format.h>

#include <algorithm>

#include "agent/agent.h"

namespace fairlead::agent {
namespace {

constexpr Duration kProbeStep = 50ms;
constexpr Duration kProbeUnmap = 1500ms;

// What a person who waits would like to know, in the order in which it is found out.
std::vector<std::string> progress_of(const ProbeFacts& facts) {
  std::vector<std::string> lines;
  for (const nat::UplinkReport& each : facts.uplinks) {
    lines.push_back(
        fmt::format("asking the gateway {} on {} for a port", each.uplink.gateway.to_string(), each.uplink.interface));
  }
  for (const ServerFacts& each : facts.servers) {
    if (each.seen_as) lines.push_back(fmt::format("{} sees this host as {}", each.address, each.seen_as->to_string()));
    if (!each.up && each.error) lines.push_back(fmt::format("{}: {}", each.address, each.error->detail));
  }
  for (const CandidateFacts& each : facts.candidates) {
    lines.push_back(fmt::format("{} by {}: waiting for a connection from outside", each.candidate.external.to_string(),
                                each.candidate.method));
  }
  return lines;
}

}  // namespace

ProbeFacts Agent::probe(const OnProgress& on_progress) {
  probe_ = ProbeRun{.on_progress = on_progress, .until = loop_.now() + kProbeTime, .told = {}, .facts = std::nullopt};
  begin();
  core::TimerEntry step([](void* self) { static_cast<Agent*>(self)->on_probe_tick(); }, this);
  probe_->step = &step;
  loop_.timers().arm(step, loop_.now() + kProbeStep);
  loop_.run();
  return *probe_->facts;
}

void Agent::on_probe_tick() {
  ProbeRun& run = *probe_;
  if (run.facts) return stop();  // the gateways had their time
  ProbeFacts facts = direct_.facts();
  for (std::string& line : progress_of(facts)) {
    if (std::find(run.told.begin(), run.told.end(), line) != run.told.end()) continue;
    run.on_progress(line);
    run.told.push_back(std::move(line));
  }
  if (!direct_.settled() && loop_.now() < run.until) {
    return loop_.timers().arm(*run.step, loop_.now() + kProbeStep);
  }
  run.facts = std::move(facts);
  stopping_.begin(loop_.now(), 0s, kProbeUnmap);
  loop_.timers().arm(*run.step, loop_.now() + kProbeUnmap);
  direct_.stop(kProbeUnmap, [this] { loop_.timers().arm(*probe_->step, loop_.now()); });
}

}  // namespace fairlead::agent
