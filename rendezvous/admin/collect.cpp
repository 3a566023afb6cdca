#include "rendezvous/admin/collect.h"

#include <algorithm>
#include <unordered_map>

#include "rendezvous/relay/carrier.h"

namespace fairlead::rendezvous {
namespace {

std::string_view state_name(DirectEndpoint::State state) {
  switch (state) {
    case DirectEndpoint::State::verifying:
      return "verifying";
    case DirectEndpoint::State::live:
      return "live";
    case DirectEndpoint::State::down:
      break;
  }
  return "down";
}

void describe_relay(WayRow& row, const Endpoint& endpoint, const CollectFacts& facts) {
  row.path = "relay";
  row.address = facts.relay_address;
  row.since = endpoint.since;
  row.state = "live";
  if (endpoint.carrier->ended()) {
    row.state = "down";
    row.reason = reason_code(Reason::session_ended);
  } else if (endpoint.load->is_set_aside(facts.now)) {
    row.state = "down";
    row.reason = reason_code(endpoint.load->last_failure());
  }
}

void describe_direct(WayRow& row, const DirectEndpoint& direct) {
  row.path = "direct";
  row.address = direct.address.to_string();
  row.method = direct.method;
  row.since = direct.since;
  row.state = state_name(direct.state);
  row.reason = direct.reason;
}

}  // namespace

Listing<AgentRow> collect_agents(const RegistryView& view, const ListFilter& filter) {
  const auto listed = list_sessions(view, filter);
  Listing<AgentRow> out{{}, listed.matched};
  out.rows.reserve(listed.rows.size());
  for (const auto& [session, services] : listed.rows) {
    const CarrierLoad load = session->session->load();
    AgentRow& row = out.rows.emplace_back(AgentRow{.spiffe_id = session->spiffe_id,
                                                   .endpoint = session->endpoint,
                                                   .cluster = session->cluster,
                                                   .software = session->about.software,
                                                   .address = session->about.peer.to_string(),
                                                   .since = session->since,
                                                   .rtt = load.rtt,
                                                   .channels_ready = load.channels_ready,
                                                   .relays = load.relays,
                                                   .duplicates_refused = session->duplicates_refused,
                                                   .services = {}});
    for (const EndpointPtr& endpoint : services) row.services.push_back(endpoint->service);
  }
  return out;
}

WayListing collect_ways(const RegistryView& view, const ListFilter& filter, const CollectFacts& facts) {
  const auto listed = list_endpoints(view, filter);
  WayListing out{{}, listed.rows.size(), listed.matched};
  for (const PublishedPtr& each : listed.rows) {
    const Endpoint& endpoint = *each->endpoint;
    for (const Way& way : each->ways->all()) {
      WayRow& row = out.rows.emplace_back();
      row.service = endpoint.service;
      row.endpoint = endpoint.name;
      row.relays = endpoint.load->live();
      row.failures = endpoint.load->failures();
      if (way.kind == Way::Kind::relay) {
        describe_relay(row, endpoint, facts);
      } else {
        describe_direct(row, way.direct);
      }
    }
  }
  return out;
}

AgentPeaks collect_peaks(const RegistryView& view) {
  AgentPeaks out;
  view.sessions.for_each(
      [&](const SessionRecordPtr& each) { out.relays = std::max(out.relays, each->session->load().relays); });
  std::unordered_map<const Carrier*, std::size_t> services;
  view.publication.endpoints.for_each([&](const PublishedPtr& each) {
    out.services = std::max(out.services, ++services[each->endpoint->carrier.get()]);
  });
  return out;
}

}  // namespace fairlead::rendezvous
