#include "rendezvous/registry/listing.h"

#include <algorithm>
#include <tuple>
#include <unordered_map>

namespace fairlead::rendezvous {
namespace {

bool is_agent(const ListFilter& filter, std::string_view spiffe_id, std::string_view endpoint) {
  return filter.agent.empty() || glob_match(filter.agent, endpoint) || glob_match(filter.agent, spiffe_id);
}

bool is_service(const ListFilter& filter, std::string_view service) {
  return filter.service.empty() || glob_match(filter.service, service);
}

// The first `limit` in order; the rest is only counted.
template <class Row, class Less>
Listing<Row> first_of(std::vector<Row> all, std::size_t limit, Less less) {
  Listing<Row> out{{}, all.size()};
  const std::size_t shown = std::min(limit, all.size());
  std::ranges::partial_sort(all, all.begin() + static_cast<std::ptrdiff_t>(shown), less);
  all.resize(shown);
  out.rows = std::move(all);
  return out;
}

using ByCarrier = std::unordered_map<const Carrier*, std::vector<EndpointPtr>>;

ByCarrier services_by_session(const RegistryView& view) {
  ByCarrier out;
  view.publication.endpoints.for_each(
      [&](const PublishedPtr& each) { out[each->endpoint->carrier.get()].push_back(each->endpoint); });
  return out;
}

}  // namespace

Listing<ListedSession> list_sessions(const RegistryView& view, const ListFilter& filter) {
  ByCarrier services = services_by_session(view);
  std::vector<SessionRecordPtr> matching;
  view.sessions.for_each([&](const SessionRecordPtr& each) {
    if (!is_agent(filter, each->spiffe_id, each->endpoint)) return;
    const auto serves = [&](const EndpointPtr& endpoint) { return is_service(filter, endpoint->service); };
    if (filter.service.empty() || std::ranges::any_of(services[each->session.get()], serves)) matching.push_back(each);
  });
  auto first = first_of(std::move(matching), filter.limit, [](const SessionRecordPtr& a, const SessionRecordPtr& b) {
    return std::tie(a->spiffe_id, a->endpoint) < std::tie(b->spiffe_id, b->endpoint);
  });
  Listing<ListedSession> out{{}, first.matched};
  for (SessionRecordPtr& each : first.rows) {
    std::vector<EndpointPtr>& own = services[each->session.get()];
    std::ranges::sort(own, {}, [](const EndpointPtr& endpoint) -> const std::string& { return endpoint->service; });
    out.rows.push_back({std::move(each), std::move(own)});
  }
  return out;
}

Listing<PublishedPtr> list_endpoints(const RegistryView& view, const ListFilter& filter) {
  std::vector<PublishedPtr> matching;
  view.publication.endpoints.for_each([&](const PublishedPtr& each) {
    const Endpoint& endpoint = *each->endpoint;
    if (is_agent(filter, endpoint.spiffe_id, endpoint.name) && is_service(filter, endpoint.service)) {
      matching.push_back(each);
    }
  });
  return first_of(std::move(matching), filter.limit, [](const PublishedPtr& a, const PublishedPtr& b) {
    const Endpoint& x = *a->endpoint;
    const Endpoint& y = *b->endpoint;
    return std::tie(x.spiffe_id, x.name, x.service) < std::tie(y.spiffe_id, y.name, y.service);
  });
}

// Greedy with one place to go back to: linear in practice, never exponential.
bool glob_match(std::string_view pattern, std::string_view text) {
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = std::string_view::npos;
  std::size_t resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

}  // namespace fairlead::rendezvous
