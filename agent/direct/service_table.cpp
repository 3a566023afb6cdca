#include "agent/direct/service_table.h"

#include <algorithm>

namespace fairlead::agent {
namespace {

route::EndpointPtr endpoint_of(const ConfirmedService& from) {
  auto out = std::make_shared<route::Endpoint>();
  out->service = from.service;
  out->name = from.endpoint;
  out->host = from.config.host;
  out->port = from.config.port;
  out->sni = from.config.sni;
  out->subsets = from.config.subsets;
  out->sources = from.sources;
  out->load = std::make_shared<route::EndpointLoad>();
  return out;
}

// Who is in both lists: of two blocks that overlap, the narrower one.
std::vector<Cidr> in_both(const std::vector<Cidr>& a, const std::vector<Cidr>& b) {
  std::vector<Cidr> out;
  for (const Cidr& one : a) {
    for (const Cidr& other : b) {
      const bool inside = one.prefix >= other.prefix ? other.contains(one.network) : one.contains(other.network);
      if (!inside) continue;
      const Cidr& narrower = one.prefix >= other.prefix ? one : other;
      if (std::ranges::find(out, narrower) == out.end()) out.push_back(narrower);
    }
  }
  return out;
}

// One endpoint can stand behind a name only once. Going direct must let nobody in whom one of the relays would not.
std::vector<ConfirmedService> merged(std::vector<ConfirmedService> services) {
  std::vector<ConfirmedService> out;
  for (ConfirmedService& each : services) {
    const auto same = std::ranges::find_if(out, [&](const ConfirmedService& known) {
      return known.service == each.service && known.endpoint == each.endpoint;
    });
    if (same == out.end()) {
      out.push_back(std::move(each));
    } else {
      same->sources = in_both(same->sources, each.sources);
      for (std::string& name : each.config.sni) {
        if (std::ranges::find(same->config.sni, name) == same->config.sni.end()) {
          same->config.sni.push_back(std::move(name));
        }
      }
    }
  }
  return out;
}

}  // namespace

ServiceTable::ServiceTable() : names_(route::OwnNames()), snapshot_(names_.publish()) {}

void ServiceTable::replace(std::vector<ConfirmedService> services, TimePoint now) {
  std::vector<ConfirmedService> wanted = merged(std::move(services));
  std::vector<Entry> kept;
  for (Entry& entry : entries_) {
    const auto at = std::ranges::find(wanted, entry.confirmed);
    if (at == wanted.end()) {
      names_.remove(entry.endpoint, now, route::Departure::left);
    } else {
      wanted.erase(at);
      kept.push_back(std::move(entry));
    }
  }
  entries_ = std::move(kept);
  for (ConfirmedService& each : wanted) {
    auto endpoint = endpoint_of(each);
    names_.add(endpoint);
    entries_.push_back({std::move(each), std::move(endpoint)});
  }
  names_.expire(now);
  if (auto next = names_.publish()) snapshot_ = std::move(next);
}

const ConfirmedService* ServiceTable::find(const route::Endpoint& endpoint) const {
  const auto at = std::ranges::find_if(entries_, [&](const Entry& each) { return each.endpoint.get() == &endpoint; });
  return at != entries_.end() ? &at->confirmed : nullptr;
}

}  // namespace fairlead::agent
