#include "rendezvous/relay/service_room.h"

namespace fairlead::rendezvous {
namespace {
constexpr std::size_t kSites = 4;  // that fill a service at least
}

void ServiceRoom::set_max(std::size_t per_service, std::size_t per_source) {
  services_.set_max(per_service);
  sites_.set_max(std::max(per_service / kSites, per_source));  // what one host may have, its site may
}

tl::expected<ServiceRoom::Token, Reason> ServiceRoom::take(const std::string& service, const IpAddress& source) {
  Token out;
  if (!source.is_v4()) {
    auto site = sites_.take(service + ' ' + SourceLevels(source).widest().to_string());
    if (!site) return tl::unexpected(Reason::relays_per_source);
    out.site = std::move(*site);
  }
  auto room = services_.take(service);
  if (!room) return tl::unexpected(Reason::relays_per_service);
  out.service = std::move(*room);
  return out;
}

}  // namespace fairlead::rendezvous
