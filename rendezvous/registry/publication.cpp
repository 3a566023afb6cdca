#include "rendezvous/registry/publication.h"

#include <algorithm>
#include <unordered_set>

#include "common/base/check.h"

namespace fairlead::rendezvous {
namespace {

std::string id_of(const Endpoint& endpoint) {
  return endpoint.name + "." + endpoint.service;
}

}  // namespace

void Publication::put(const EndpointPtr& endpoint, WaysPtr ways) {
  std::string id = id_of(*endpoint);
  endpoints_.put(std::make_shared<const Published>(Published{id, endpoint, std::move(ways)}));
  note(std::move(id));
}

void Publication::withdraw(const Endpoint& endpoint) {
  std::string id = id_of(endpoint);
  CHECK(endpoints_.find(id) != nullptr);
  endpoints_.remove(id);
  note(std::move(id));
}

void Publication::note(std::string id) {
  ++revision_;
  log_.push_back(std::move(id));
  if (log_.size() > kPublicationLog) log_.pop_front();
}

std::optional<PublicationChanges> Publication::changes_since(Revision seen) const {
  if (seen > revision_ || revision_ - seen > log_.size()) return std::nullopt;
  PublicationChanges out{revision_, {}};
  std::unordered_set<std::string_view> told;
  for (auto id = log_.rbegin(); id != log_.rbegin() + static_cast<std::ptrdiff_t>(revision_ - seen); ++id) {
    if (!told.insert(*id).second) continue;
    const PublishedPtr* now = endpoints_.find(*id);
    out.changes.push_back({*id, now != nullptr ? *now : nullptr});
  }
  std::ranges::reverse(out.changes);
  return out;
}

}  // namespace fairlead::rendezvous
