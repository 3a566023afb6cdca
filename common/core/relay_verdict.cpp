#include "common/core/relay_verdict.h"

namespace fairlead::core {

RelayVerdict judge_relay(const RelayEnd& end) {
  const bool service_spoke = end.service_bytes >= kShortestServerHello;
  if (end.client_bytes > 0 && service_spoke) return RelayVerdict::served;
  switch (end.reason) {
    case Reason::service_reset:
    case Reason::service_not_tls:
    case Reason::server_speaks_first:
    case Reason::service_ended_early:
      return RelayVerdict::nothing;
    case Reason::completed:
      return service_spoke ? RelayVerdict::neither : RelayVerdict::nothing;
    case Reason::client_reset:
    case Reason::client_closed:
    case Reason::idle_timeout:
    case Reason::half_close_timeout:
      return service_spoke || end.lasted < kClientsPatience ? RelayVerdict::neither : RelayVerdict::nothing;
    default:
      return RelayVerdict::neither;
  }
}

Reason reason_told(const RelayEnd& end) {
  const bool nothing = end.reason == Reason::completed && judge_relay(end) == RelayVerdict::nothing;
  return nothing ? Reason::service_ended_early : end.reason;
}

}  // namespace fairlead::core
