#include "common/core/first_flight.h"

#include <algorithm>
#include <utility>

#include "common/base/check.h"
#include "common/wire/server_hello.h"
#include "common/wire/tls_alert.h"

namespace fairlead::core {

std::size_t FirstFlight::room() const {
  if (refusal_) return 0;
  return wire::kMaxServerFirst - std::min(held_.size(), wire::kMaxServerFirst);
}

Bytes FirstFlight::pass(ByteView from_service) {
  CHECK(from_service.size() <= room());
  held_.insert(held_.end(), from_service.begin(), from_service.end());
  if (judging_) judge();
  return judging_ ? Bytes() : std::exchange(held_, Bytes());
}

void FirstFlight::judge() {
  const auto parsed = wire::parse_server_first(held_);
  judging_ = !std::holds_alternative<wire::Done<wire::ServerFirst>>(parsed);
  if (const auto* bad = std::get_if<wire::Malformed>(&parsed)) {
    const bool greeting = bad->reason == Reason::service_not_tls && wire::is_server_greeting(held_);
    refusal_ = greeting ? Reason::server_speaks_first : bad->reason;
  }
}

void FirstFlight::ended() {
  if (judging_ && !refusal_ && !held_.empty()) refusal_ = Reason::service_not_tls;
}

Bytes FirstFlight::last_words() {
  return wire::tls_alert(wire::kInternalError);
}

}  // namespace fairlead::core
