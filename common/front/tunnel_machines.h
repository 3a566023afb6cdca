#pragma once
// The openings of tunnels: SOCKS5, and HTTP/1.1 CONNECT. They end with a TunnelRequest, which whoever takes it answers
// (tunnel_answer.h); refusals of their own they answer themselves. Names alone lead anywhere: an address is refused.
// Pure; one thread.
#include <memory>

#include "common/front/opening.h"

namespace fairlead::front {

std::unique_ptr<OpeningMachine> socks_machine();
std::unique_ptr<OpeningMachine> connect_machine();

}  // namespace fairlead::front
