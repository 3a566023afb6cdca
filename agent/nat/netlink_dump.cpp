#include "agent/nat/netlink_dump.h"

#ifdef __linux__
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "common/net/fd.h"
#endif

namespace fairlead::agent::nat {

#ifdef __linux__
namespace {

constexpr std::size_t kReceiveBuffer = 64u << 10;  // the kernel's largest dump datagram is 32 KiB
constexpr timeval kAnswerTime{.tv_sec = 1, .tv_usec = 0};

// The kernel's own structs, in host byte order, each padded to four bytes: netlink(7). `rest` loses what was read.
template <class T>
bool take(ByteView& rest, T& out) {
  if (rest.size() < sizeof out) return false;
  std::memcpy(&out, rest.data(), sizeof out);
  rest = rest.subspan(std::min(rest.size(), std::size_t{NLMSG_ALIGN(sizeof out)}));
  return true;
}

template <class T>
T value_of(ByteView payload) {
  T out{};
  std::memcpy(&out, payload.data(), std::min(payload.size(), sizeof out));
  return out;
}

std::string text_of(ByteView payload) {
  const std::string_view text = as_text(payload);
  return std::string(text.substr(0, text.find('\0')));
}

IpAddress address_of(ByteView payload) {
  if (payload.size() == 4) return IpAddress::v4({payload[0], payload[1], payload[2], payload[3]});
  if (payload.size() != 16) return {};
  return IpAddress::v6(value_of<std::array<std::uint8_t, 16>>(payload));
}

template <class Each>
void each_attribute(ByteView rest, Each each) {
  rtattr head{};
  while (rest.size() >= sizeof head) {
    std::memcpy(&head, rest.data(), sizeof head);
    if (head.rta_len < sizeof head || head.rta_len > rest.size()) return;
    each(head.rta_type & NLA_TYPE_MASK, rest.first(head.rta_len).subspan(sizeof head));
    rest = rest.subspan(std::min(rest.size(), std::size_t{RTA_ALIGN(head.rta_len)}));
  }
}

bool is_tunnel_type(unsigned short type) {
  return type == ARPHRD_TUNNEL || type == ARPHRD_TUNNEL6 || type == ARPHRD_SIT || type == ARPHRD_IPGRE ||
         type == ARPHRD_IP6GRE;
}

void add_link(ByteView body, NetworkDump& into) {
  ifinfomsg head{};
  if (!take(body, head)) return;
  LinkInfo link{.index = static_cast<unsigned>(head.ifi_index),
                .up = (head.ifi_flags & IFF_UP) != 0,
                .loopback = (head.ifi_flags & IFF_LOOPBACK) != 0,
                .tunnel = is_tunnel_type(head.ifi_type)};
  each_attribute(body, [&](int type, ByteView payload) {
    if (type == IFLA_IFNAME) link.name = text_of(payload);
    if (type != IFLA_LINKINFO) return;
    each_attribute(payload, [&](int inner, ByteView value) {
      if (inner == IFLA_INFO_KIND) link.kind = text_of(value);
    });
  });
  if (!link.name.empty()) into.links.push_back(std::move(link));
}

bool is_usable(std::uint32_t flags, bool v4) {
  if ((flags & (IFA_F_DEPRECATED | IFA_F_DADFAILED)) != 0) return false;
  if ((flags & IFA_F_TENTATIVE) != 0 && (flags & IFA_F_OPTIMISTIC) == 0) return false;
  return v4 || (flags & IFA_F_TEMPORARY) == 0;  // the same bit says "secondary" in IPv4
}

void add_address(ByteView body, NetworkDump& into) {
  ifaddrmsg head{};
  if (!take(body, head) || (head.ifa_family != AF_INET && head.ifa_family != AF_INET6)) return;
  const std::size_t size = head.ifa_family == AF_INET ? 4 : 16;
  if (head.ifa_prefixlen > 8 * size || head.ifa_scope == RT_SCOPE_HOST) return;
  ByteView address, local;  // on a point-to-point link "address" is the other end
  std::uint32_t flags = head.ifa_flags;
  each_attribute(body, [&](int type, ByteView payload) {
    if (type == IFA_ADDRESS && payload.size() == size) address = payload;
    if (type == IFA_LOCAL && payload.size() == size) local = payload;
    if (type == IFA_FLAGS && payload.size() == sizeof flags) flags = value_of<std::uint32_t>(payload);
  });
  if (address.empty()) address = local;
  if (local.empty()) local = address;
  if (local.empty()) return;
  into.addresses.push_back({.index = head.ifa_index,
                            .address = address_of(local),
                            .on_link = {address_of(address), head.ifa_prefixlen},
                            .usable = is_usable(flags, size == 4)});
}

// Several next hops in one route: rtnexthop structs, each followed by its own attributes.
void add_next_hops(ByteView rest, const DefaultRoute& common, NetworkDump& into) {
  rtnexthop hop{};
  while (rest.size() >= sizeof hop) {
    std::memcpy(&hop, rest.data(), sizeof hop);
    if (hop.rtnh_len < sizeof hop || hop.rtnh_len > rest.size()) return;
    DefaultRoute route = common;
    route.index = static_cast<unsigned>(hop.rtnh_ifindex);
    each_attribute(rest.first(hop.rtnh_len).subspan(sizeof hop), [&](int type, ByteView payload) {
      if (type == RTA_GATEWAY) route.gateway = address_of(payload);
    });
    if ((hop.rtnh_flags & RTNH_F_DEAD) == 0) into.routes.push_back(route);
    rest = rest.subspan(std::min(rest.size(), static_cast<std::size_t>(RTNH_ALIGN(hop.rtnh_len))));
  }
}

void add_route(ByteView body, NetworkDump& into) {
  rtmsg head{};
  if (!take(body, head) || (head.rtm_family != AF_INET && head.rtm_family != AF_INET6)) return;
  if (head.rtm_dst_len != 0 || head.rtm_type != RTN_UNICAST) return;
  if ((head.rtm_flags & (RTM_F_CLONED | RTNH_F_DEAD)) != 0) return;
  DefaultRoute route{.v4 = head.rtm_family == AF_INET};
  if (!route.v4) route.gateway = route.preferred = IpAddress::v6({});
  std::uint32_t table = head.rtm_table;
  ByteView next_hops;
  each_attribute(body, [&](int type, ByteView payload) {
    switch (type) {
      case RTA_TABLE:
        table = value_of<std::uint32_t>(payload);
        break;
      case RTA_OIF:
        route.index = value_of<std::uint32_t>(payload);
        break;
      case RTA_PRIORITY:
        route.metric = value_of<std::uint32_t>(payload);
        break;
      case RTA_GATEWAY:
        route.gateway = address_of(payload);
        break;
      case RTA_PREFSRC:
        route.preferred = address_of(payload);
        break;
      case RTA_MULTIPATH:
        next_hops = payload;
        break;
      default:
        break;
    }
  });
  if (table != RT_TABLE_MAIN) return;
  if (!next_hops.empty()) {
    add_next_hops(next_hops, route, into);
  } else if (route.index != 0) {
    into.routes.push_back(route);
  }
}

bool request_dump(int fd, std::uint16_t type) {
  struct {
    nlmsghdr head;
    rtgenmsg body;
  } request{};
  request.head.nlmsg_len = NLMSG_LENGTH(sizeof request.body);
  request.head.nlmsg_type = type;
  request.head.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  request.body.rtgen_family = AF_UNSPEC;
  return ::send(fd, &request, request.head.nlmsg_len, 0) == static_cast<ssize_t>(request.head.nlmsg_len);
}

void read_dump(int fd, NetworkDump& into) {
  Bytes buffer(kReceiveBuffer);
  for (std::size_t total = 0; total < kMaxDumpBytes;) {
    const ssize_t got = ::recv(fd, buffer.data(), buffer.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return;
    total += static_cast<std::size_t>(got);
    if (parse_netlink(ByteView(buffer).first(static_cast<std::size_t>(got)), into) == DumpState::end) return;
  }
}

}  // namespace

DumpState parse_netlink(ByteView datagram, NetworkDump& into) {
  nlmsghdr head{};
  while (datagram.size() >= sizeof head) {
    std::memcpy(&head, datagram.data(), sizeof head);
    if (head.nlmsg_len < sizeof head || head.nlmsg_len > datagram.size()) return DumpState::more;
    const ByteView body = datagram.first(head.nlmsg_len).subspan(sizeof head);
    switch (head.nlmsg_type) {
      case NLMSG_DONE:
      case NLMSG_ERROR:
        return DumpState::end;
      case RTM_NEWLINK:
        add_link(body, into);
        break;
      case RTM_NEWADDR:
        add_address(body, into);
        break;
      case RTM_NEWROUTE:
        add_route(body, into);
        break;
      default:
        break;
    }
    datagram = datagram.subspan(std::min(datagram.size(), std::size_t{NLMSG_ALIGN(head.nlmsg_len)}));
  }
  return DumpState::more;
}

NetworkDump read_network() {
  NetworkDump dump;
  // A socket for each dump: what a former one left unread cannot be taken for its answer.
  for (const std::uint16_t type : {RTM_GETLINK, RTM_GETADDR, RTM_GETROUTE}) {
    const net::Fd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
    if (!fd.valid()) return dump;
    ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &kAnswerTime, sizeof kAnswerTime);
    if (request_dump(fd.get(), type)) read_dump(fd.get(), dump);
  }
  return dump;
}

#else

DumpState parse_netlink(ByteView, NetworkDump&) {
  return DumpState::end;
}

NetworkDump read_network() {
  return {};
}

#endif

}  // namespace fairlead::agent::nat
