#include "agent/nat/gateway_client.h"

namespace fairlead::agent::nat {

std::string_view failure_name(GatewayFailure failure) {
  switch (failure) {
    case GatewayFailure::absent:
      return "absent";
    case GatewayFailure::late:
      return "late";
    case GatewayFailure::refused:
      return "refused";
    case GatewayFailure::conflict:
      return "conflict";
    case GatewayFailure::foreign_mapping:
      return "foreign_mapping";
    case GatewayFailure::only_permanent:
      return "only_permanent";
    case GatewayFailure::lifetime_refused:
      return "lifetime_refused";
    case GatewayFailure::same_port_only:
      return "same_port_only";
    case GatewayFailure::exhausted:
      return "exhausted";
    case GatewayFailure::wan_down:
      return "wan_down";
    case GatewayFailure::address_mismatch:
      return "address_mismatch";
    case GatewayFailure::unsupported:
      return "unsupported";
    case GatewayFailure::broken:
      return "broken";
  }
  return "broken";
}

Reason reason_of(GatewayFailure failure) {
  switch (failure) {
    case GatewayFailure::absent:
      return Reason::no_port_mapping;
    case GatewayFailure::late:
      return Reason::mapping_late;
    case GatewayFailure::conflict:
    case GatewayFailure::foreign_mapping:
      return Reason::mapping_conflict;
    case GatewayFailure::exhausted:
      return Reason::mapping_exhausted;
    case GatewayFailure::wan_down:
      return Reason::gateway_wan_down;
    case GatewayFailure::address_mismatch:
      return Reason::double_nat;
    case GatewayFailure::broken:
      return Reason::gateway_broken;
    case GatewayFailure::refused:
    case GatewayFailure::only_permanent:
    case GatewayFailure::lifetime_refused:
    case GatewayFailure::same_port_only:
    case GatewayFailure::unsupported:
      return Reason::mapping_refused;
  }
  return Reason::mapping_refused;
}

}  // namespace fairlead::agent::nat
