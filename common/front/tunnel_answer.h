#pragma once
// What whoever asked for a tunnel is told: that it stands, or why it does not, in the words of its protocol. The reason
// itself stands in an HTTP answer (RFC 9209); SOCKS has room for a number. Pure; any thread.
#include "common/base/bytes.h"
#include "common/base/reason.h"
#include "common/front/opening.h"
#include "common/wire/socks5.h"

namespace fairlead::front {

std::string_view way_name(TunnelWay way);  // as logs and metrics have it

// What of a refusal a client may act on, one row of the table that all tunnels share.
struct TunnelRefusal {
  wire::SocksReply reply;
  int status;              // of HTTP
  std::string_view error;  // RFC 9209 §2.3
};
TunnelRefusal tunnel_refusal(Reason reason);

Bytes tunnel_accepted(TunnelWay way);
Bytes tunnel_refused(TunnelWay way, Reason reason);

}  // namespace fairlead::front
