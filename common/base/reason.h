#pragma once
// Reason codes: why something was refused or closed. One list (reason.def) for logs, counters, JSON and the wire.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace fairlead {

enum class Reason : std::uint16_t {
#define REASON(code, cause, next_step) code,
#include "common/base/reason.def"
#undef REASON
};

struct ReasonText {
  std::string_view code;
  std::string_view cause;
  std::string_view next_step;
};

std::size_t reason_count();
const ReasonText& reason_text(Reason reason);
std::string_view reason_code(Reason reason);
std::optional<Reason> find_reason(std::string_view code);
// A client left, as clients do (a tab is closed, a balancer looks whether the port is open): nobody's fault to look
// for.
constexpr bool is_client_leave(Reason reason) {
  return reason == Reason::client_reset || reason == Reason::client_closed;
}

}  // namespace fairlead
