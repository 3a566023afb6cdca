#pragma once
// Unconnected UDP sockets for what is said to and heard from gateways. Serves the PCP client, the announcements and the
// SSDP search. Non-blocking; any thread.
#include <optional>
#include <string>

#include "agent/nat/uplink.h"
#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/net/fd.h"

namespace fairlead::agent::nat {

inline constexpr std::size_t kMaxDatagram = 4096;  // longer ones are cut, and then refused by their parsers

// Bound to the uplink's address and, where the system lets us, to its interface. Not connected: an answer may come from
// another address than was asked (VRRP). An ICMP error still shows, as an error of the next receive (ip(7),
// IP_RECVERR).
Result<net::Fd> open_udp(const Uplink& uplink);

// Bound to `port` on all addresses of one family beside other programs that listen there too.
enum class Family { v4, v6 };
Result<net::Fd> open_shared_udp(Family family, std::uint16_t port);
// Error: which group and why.
Result<void> join_group(int fd, const IpAddress& group, unsigned interface_index);
// Multicasts of this socket leave by the uplink and stay on its link.
void multicast_by(int fd, const Uplink& uplink);

// `scope`: the interface of a link-local IPv6 address or an IPv6 group.
bool send_datagram(int fd, ByteView datagram, const SocketAddress& to, unsigned scope);

struct Datagram {
  ByteView bytes;  // in the caller's buffer
  SocketAddress from;
};
// What one receive brought.
enum class Received {
  datagram,
  nothing,      // EAGAIN
  unreachable,  // an ICMP error, or a network that is gone
};
Received receive_datagram(int fd, MutableBytes buffer, Datagram& out);

}  // namespace fairlead::agent::nat
