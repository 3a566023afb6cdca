#pragma once
// The first bytes of every connection of the load: a ClientHello of an ordinary size and a ServerHello, which the
// relay demands to see and everybody else just carries. What a connection is for (Plan) stands in the hello's random.
#include <cstdint>
#include <string_view>

#include "common/base/bytes.h"

namespace fairlead::bench {

enum class Work : std::uint8_t {
  sink = 1,    // the client sends `bytes` and ends; the service answers with one byte and closes
  source = 2,  // the service sends `bytes` and closes
  echo = 3,    // kMessage bytes there and back, then the service closes: no port of a client or a relay is left behind
  hold = 4,    // kMessage bytes there and back as often as the client likes, until it closes
};

struct Plan {
  Work work = Work::echo;
  std::uint64_t bytes = 0;
};

inline constexpr std::string_view kServerName = "web.home";
inline constexpr std::size_t kHelloSize = 517;  // what browsers and Go send
inline constexpr std::size_t kMessage = 64;

Bytes client_hello(const Plan& plan);  // kHelloSize bytes
// The same with a random that no other connection has: equal ones are taken for one hello that goes in a circle.
Bytes unique_hello(Bytes hello);
Plan plan_of(ByteView hello);
const Bytes& server_hello();

}  // namespace fairlead::bench
