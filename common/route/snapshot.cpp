#include "common/route/snapshot.h"

#include "common/base/pattern.h"
#include "common/wire/server_name.h"

namespace fairlead::route {
namespace {

bool is_live(const NameEntryPtr* entry) {
  return entry != nullptr && !(*entry)->endpoints.empty();
}

Route to(const NameEntryPtr* entry) {
  if (entry == nullptr) return {};
  if (!is_live(entry)) return {Route::Kind::refused, Reason::no_endpoint, *entry};
  return {Route::Kind::service, Reason::completed, *entry};
}

}  // namespace

Snapshot::Snapshot(NameTable names, std::shared_ptr<const OwnNames> own)
    : names_(std::move(names)), own_(std::move(own)) {}

Route Snapshot::route(std::string_view sni, const std::vector<std::string>& alpn) const {
  const std::string name = normalize_name(sni);
  if (own_->ends_here(name)) return {Route::Kind::own, Reason::completed, nullptr};
  if (wire::is_istio_name(name)) return route_istio(name, alpn);

  // Host, sni, ENDPOINT.SERVICE.CLUSTER or SERVICE.CLUSTER: the index has decided which of them this name is.
  const NameEntryPtr* found = names_.find(name);
  if (is_live(found) || own_->domains().empty()) return to(found);
  for (const auto& reading : wire::parse_mesh_name(name, own_->domains())) {
    const NameEntryPtr* entry =
        reading.endpoint.empty() ? names_.find(reading.service) : names_.find(reading.endpoint + "." + reading.service);
    // The bare name may also be claimed as a host; SERVICE.CLUSTER.DOMAIN is the service alone.
    if (entry == nullptr || (*entry)->service != reading.service) continue;
    if (is_live(entry)) return to(entry);
    if (found == nullptr) found = entry;
  }
  return to(found);
}

Route Snapshot::route_istio(std::string_view name, const std::vector<std::string>& alpn) const {
  if (!wire::parse_istio_name(name)) return {};
  if (!wire::offers_istio_alpn(alpn)) return {Route::Kind::refused, Reason::alpn_required, nullptr};
  return to(names_.find(name));
}

Route Snapshot::route_service(std::string_view service) const {
  const std::string name = normalize_name(service);
  const NameEntryPtr* found = names_.find(name);
  // Another service's host may be spelled like this one.
  return found != nullptr && (*found)->service == name ? to(found) : Route{};
}

}  // namespace fairlead::route
