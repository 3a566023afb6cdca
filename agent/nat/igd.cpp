#include "agent/nat/igd.h"

#include <fmt/format.h>

namespace fairlead::agent::nat {
namespace {

constexpr std::string_view kScheme = "http://";

struct CodeName {
  UpnpCode code;
  std::string_view name;
};
constexpr CodeName kNames[] = {
    {-5, "out of memory"},
    {-4, "no proper answer"},
    {kUpnpNoAnswer, "no answer"},
    {401, "InvalidAction"},
    {402, "InvalidArgs"},
    {kUpnpActionFailed, "ActionFailed"},
    {606, "ActionNotAuthorized"},
    {701, "PinholeSpaceExhausted"},
    {702, "FirewallDisabled"},
    {703, "InboundPinholeNotAllowed"},
    {kNoSuchPinhole, "NoSuchEntry"},
    {kNoSuchEntry, "NoSuchEntryInArray"},
    {715, "WildCardNotPermittedInSrcIP"},
    {716, "WildCardNotPermittedInExtPort"},
    {718, "ConflictInMappingEntry"},
    {724, "SamePortValuesRequired"},
    {725, "OnlyPermanentLeasesSupported"},
    {726, "RemoteHostOnlySupportsWildcard"},
    {727, "ExternalPortOnlySupportsWildcard"},
    {728, "NoPortMapsAvailable"},
    {729, "ConflictWithOtherMechanisms"},
    {732, "WildCardNotPermittedInIntPort"},
};

}  // namespace

std::string describe_upnp(UpnpCode code) {
  for (const CodeName& each : kNames) {
    if (each.code == code) return code > 0 ? fmt::format("error {}: {}", code, each.name) : std::string(each.name);
  }
  return fmt::format("error {}", code);
}

GatewayFailure mapping_failure(UpnpCode code, WanState wan) {
  switch (code) {
    case kUpnpNoAnswer:
      return GatewayFailure::late;
    case 402:
      return GatewayFailure::lifetime_refused;  // how some say that they know permanent leases only
    case kUpnpActionFailed:
      return wan == WanState::connected ? GatewayFailure::conflict : GatewayFailure::wan_down;
    case 606:
      return GatewayFailure::refused;
    case 716:
    case 724:
      return GatewayFailure::same_port_only;
    case 718:
    case 729:
      return GatewayFailure::conflict;
    case 725:
      return GatewayFailure::only_permanent;
    case 728:
      return GatewayFailure::exhausted;
    default:
      return code < 0 ? GatewayFailure::broken : GatewayFailure::unsupported;
  }
}

GatewayFailure pinhole_failure(UpnpCode code) {
  switch (code) {
    case kUpnpNoAnswer:
      return GatewayFailure::late;
    case 402:
      return GatewayFailure::lifetime_refused;
    case 606:
    case 703:
      return GatewayFailure::refused;
    case 701:
      return GatewayFailure::exhausted;
    default:
      return code < 0 ? GatewayFailure::broken : GatewayFailure::unsupported;
  }
}

std::optional<HttpUrl> control_url(const HttpUrl& description, std::string_view url_base, std::string_view control) {
  if (control.empty()) return std::nullopt;
  auto url = parse_http_url(control);
  if (!control.starts_with(kScheme)) {
    HttpUrl base = parse_http_url(url_base).value_or(description);
    base.path = control.front() == '/' ? std::string(control) : "/" + std::string(control);
    url = parse_http_url(base.to_string());  // its path may hold what no URL holds
  }
  if (!url || !is_http_port(url->port)) return std::nullopt;
  url->host = description.host;
  return url;
}

}  // namespace fairlead::agent::nat
