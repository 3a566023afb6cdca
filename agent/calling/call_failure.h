#pragma once
// What went wrong with a call, as one reason and one line. Whoever refuses a TLS connection says it by an alert; here
// it becomes the reason that the rendezvous had. Pure.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace fairlead::agent {

// `how`: the handshake's own error; `alert`: by which the other side ended it.
Error call_failure(const Error& how, std::optional<std::uint8_t> alert, std::string_view name);

// Whether another server may know better.
bool is_worth_another_server(Reason reason);
// Whether `later` tells a person more than `earlier`, of two servers' failures.
bool tells_more(Reason later, Reason earlier);

// "detail; next step": for the one line that a command prints behind the reason.
std::string with_next_step(const Error& failure);

}  // namespace fairlead::agent
