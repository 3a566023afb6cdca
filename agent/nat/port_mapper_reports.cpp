// What the port mapper says of itself: log lines, `status`, `probe`.
#include <algorithm>

#include "agent/nat/port_mapper_core.h"
#include "common/base/log.h"

namespace fairlead::agent::nat {
namespace {

struct Line {
  Level level;
  std::string_view message;
};

Line line_of(MappingEvent::Kind kind) {
  switch (kind) {
    case MappingEvent::Kind::mapped:
      return {Level::info, "port mapped"};
    case MappingEvent::Kind::moved:
      return {Level::info, "port mapping moved"};
    case MappingEvent::Kind::lost:
      return {Level::warn, "port mapping lost"};
    case MappingEvent::Kind::failed:
      return {Level::info, "no port mapping"};
    case MappingEvent::Kind::unreachable:
      return {Level::warn, "mapped port is not reachable, mapping it anew"};
    case MappingEvent::Kind::paused:
      return {Level::warn, "mapped ports are never reachable, pausing"};
    case MappingEvent::Kind::verified:
      return {Level::info, "mapped port is reachable"};
  }
  return {Level::info, ""};
}

// A time of the boot clock as the wall clock shows it now.
WallTime wall_time(TimePoint boottime, TimePoint now) {
  return net::wall_now() - std::chrono::floor<std::chrono::seconds>(now - boottime);
}

}  // namespace

void PortMapperCore::log_events(UplinkWorker& worker) {
  const Uplink& uplink = worker.uplink();
  const std::string gateway = uplink.gateway.to_string();
  for (const MappingEvent& event : worker.mapping().take_events()) {
    const Line line = line_of(event.kind);
    if (event.reason) {
      log(line.level, line.message,
          {{"reason", reason_code(*event.reason)},
           {"protocol", protocol_name(event.protocol)},
           {"gateway", gateway},
           {"interface", uplink.interface},
           {"external", event.external.port == 0 ? std::string() : event.external.to_string()},
           {"detail", event.detail}});
    } else {
      log(line.level, line.message,
          {{"protocol", protocol_name(event.protocol)},
           {"gateway", gateway},
           {"interface", uplink.interface},
           {"external", event.external.to_string()},
           {"lifetime", event.lifetime.count()}});
    }
  }
}

std::vector<MappingReport> PortMapperCore::mappings() const {
  std::vector<MappingReport> reports;
  const TimePoint now = clock_();
  for (const auto& worker : workers_) {
    const Mapping& mapping = worker->mapping();
    const Uplink& uplink = worker->uplink();
    const std::string internal = SocketAddress{uplink.local, mapping.setup().internal_port}.to_string();
    const auto offer = mapping.offer();
    if (offer && !offer->protocol) {
      reports.push_back({"host", "", uplink.interface, internal, offer->external.to_string(), 0s,
                         mapping.offer_verified(), wall_time(worker->since(), now)});
    }
    if (const auto& standing = mapping.standing()) {
      reports.push_back({std::string(protocol_name(standing->protocol)), uplink.gateway.to_string(), uplink.interface,
                         internal, standing->request.external.to_string(), standing->lifetime,
                         standing->verified_since.has_value(), wall_time(standing->since, now)});
    }
  }
  return reports;
}

std::vector<UplinkReport> PortMapperCore::uplinks() const {
  std::vector<UplinkReport> reports;
  for (const auto& worker : workers_) reports.push_back(worker->report());
  return reports;
}

bool PortMapperCore::settled() const {
  return life_ == Life::running && std::ranges::all_of(workers_, [](const auto& w) { return w->settled(); });
}

}  // namespace fairlead::agent::nat
