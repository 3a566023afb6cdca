#pragma once
// What a relay that has ended was worth to its client, and by what reason it should be told. An endpoint's word
// (`accepted`) proves nothing: bytes both ways beyond the first flight do. Pure; any thread.
#include <cstdint>

#include "common/base/reason.h"
#include "common/base/time.h"

namespace fairlead::core {

enum class RelayVerdict : std::uint8_t {
  served,   // both sides spoke beyond the first flight
  nothing,  // the service's side brought nothing: closed, reset, silent, or no more than a TLS alert
  neither,  // the client left before anything could be told, or we ended it
};

struct RelayEnd {
  Reason reason = Reason::completed;
  std::uint64_t client_bytes = 0;  // without its ClientHello
  std::uint64_t service_bytes = 0;
  Duration lasted{};
};

inline constexpr std::uint64_t kShortestServerHello = 32;  // bytes; an alert is 7
// Before that a client may be gone for reasons of its own; a service of which nothing was heard for so long is silent.
inline constexpr Duration kClientsPatience = 1s;

RelayVerdict judge_relay(const RelayEnd& end);
// service_ended_early in the place of `completed` where the service's side brought nothing.
Reason reason_told(const RelayEnd& end);

}  // namespace fairlead::core
