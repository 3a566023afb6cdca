#include "agent/calling/call_failure.h"

#include <fmt/format.h>

#include "common/base/certificate_reason.h"

namespace fairlead::agent {
namespace {

// RFC 5246 §7.2, RFC 6066 §9; which refusal has which: interface of a rendezvous and of an agent that ends TLS.
constexpr std::uint8_t kAccessDenied = 49;
constexpr std::uint8_t kInternalError = 80;
constexpr std::uint8_t kUnrecognizedName = 112;

// The nearer to the service somebody was who spoke, the more the word says.
int weight(Reason reason) {
  if (reason == Reason::policy_denied) return 6;
  if (is_about_certificate(reason)) return 5;
  if (reason == Reason::handshake_failed) return 4;
  if (reason == Reason::no_endpoint) return 3;
  if (reason == Reason::unknown_name) return 2;
  if (reason == Reason::handshake_timeout || reason == Reason::connection_lost) return 1;
  return 0;
}

std::string_view next_step(Reason reason) {
  switch (reason) {
    case Reason::policy_denied:
      return "ask whoever runs the service to let this identity or address in";
    case Reason::certificate_identity:
      return "somebody else answers to this name; if it is the right one, say so with --expect";
    case Reason::certificate_untrusted:
      return "somebody of another CA answers to this name, or the CA bundle here is too old";
    case Reason::unknown_name:
      return "check the name, and that the agent registered the service";
    default:
      return reason_text(reason).next_step;
  }
}

}  // namespace

Error call_failure(const Error& how, std::optional<std::uint8_t> alert, std::string_view name) {
  if (alert == kUnrecognizedName) return {Reason::unknown_name, fmt::format("{}: no service has this name", name)};
  if (alert == kInternalError)
    return {Reason::no_endpoint, fmt::format("{}: the service is known but nobody serves it now", name)};
  if (alert == kAccessDenied)
    return {Reason::policy_denied, fmt::format("{}: this identity or address is not let in", name)};
  return {how.reason, fmt::format("{}: {}", name, how.detail)};
}

bool is_worth_another_server(Reason reason) {
  return reason != Reason::policy_denied;
}

bool tells_more(Reason later, Reason earlier) {
  return weight(later) > weight(earlier);
}

std::string with_next_step(const Error& failure) {
  return fmt::format("{}; {}", failure.detail, next_step(failure.reason));
}

}  // namespace fairlead::agent
