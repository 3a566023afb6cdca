#include "agent/nat/udp_socket.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace fairlead::agent::nat {
namespace {

struct SystemAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

SystemAddress to_system(const SocketAddress& address, unsigned scope) {
  SystemAddress out;
  const ByteView ip = address.ip.bytes();
  if (address.ip.is_v4()) {
    sockaddr_in in{};
    in.sin_family = AF_INET;
    in.sin_port = htons(address.port);
    std::memcpy(&in.sin_addr, ip.data(), ip.size());
    std::memcpy(&out.storage, &in, out.size = sizeof in);
  } else {
    sockaddr_in6 in{};
    in.sin6_family = AF_INET6;
    in.sin6_port = htons(address.port);
    in.sin6_scope_id = (ip[0] == 0xfe && (ip[1] & 0xc0) == 0x80) || ip[0] == 0xff ? scope : 0;
    std::memcpy(&in.sin6_addr, ip.data(), ip.size());
    std::memcpy(&out.storage, &in, out.size = sizeof in);
  }
  return out;
}

tl::unexpected<Error> failed(const char* what) {
  return fail(Reason::io_failed, fmt::format("{}: {}", what, std::strerror(errno)));
}

void set(int fd, int level, int option, int value) {
  ::setsockopt(fd, level, option, &value, sizeof value);
}

Result<net::Fd> new_socket(bool v4) {
  net::Fd fd(::socket(v4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return failed("UDP socket");
  return fd;
}

// Takes what waits in the error queue, or the socket stays "in error" for poll.
bool drain_errors([[maybe_unused]] int fd) {
#ifdef MSG_ERRQUEUE
  bool any = false;
  char byte = 0;
  iovec data{.iov_base = &byte, .iov_len = 1};
  char control[512];
  while (true) {
    msghdr message{};
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    if (::recvmsg(fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) return any;
    any = true;
  }
#else
  return false;
#endif
}

}  // namespace

Result<net::Fd> open_udp(const Uplink& uplink) {
  const bool v4 = uplink.local.is_v4();
  auto fd = new_socket(v4);
  if (!fd) return fd;
#ifdef SO_BINDTODEVICE
  // Two uplinks may have gateways of one address. Not permitted on kernels before 5.7: then routing decides.
  ::setsockopt(fd->get(), SOL_SOCKET, SO_BINDTODEVICE, uplink.interface.c_str(),
               static_cast<socklen_t>(uplink.interface.size()));
#endif
#ifdef IP_RECVERR
  v4 ? set(fd->get(), IPPROTO_IP, IP_RECVERR, 1) : set(fd->get(), IPPROTO_IPV6, IPV6_RECVERR, 1);
#endif
  const SystemAddress local = to_system({uplink.local, 0}, uplink.index);
  if (::bind(fd->get(), local.get(), local.size) != 0) return failed("bind to the uplink's address");
  return fd;
}

Result<net::Fd> open_shared_udp(Family family, std::uint16_t port) {
  const bool v4 = family == Family::v4;
  auto fd = new_socket(v4);
  if (!fd) return fd;
  set(fd->get(), SOL_SOCKET, SO_REUSEADDR, 1);
#ifdef SO_REUSEPORT
  set(fd->get(), SOL_SOCKET, SO_REUSEPORT, 1);
#endif
  if (!v4) set(fd->get(), IPPROTO_IPV6, IPV6_V6ONLY, 1);
  const SystemAddress any = to_system({v4 ? IpAddress() : IpAddress::v6({}), port}, 0);
  if (::bind(fd->get(), any.get(), any.size) != 0) return failed("bind for announcements");
  return fd;
}

Result<void> join_group(int fd, const IpAddress& group, unsigned interface_index) {
  const SystemAddress address = to_system({group, 0}, interface_index);
  group_req request{};
  request.gr_interface = interface_index;
  std::memcpy(&request.gr_group, &address.storage, address.size);
  const int level = group.is_v4() ? IPPROTO_IP : IPPROTO_IPV6;
  if (::setsockopt(fd, level, MCAST_JOIN_GROUP, &request, sizeof request) == 0 || errno == EADDRINUSE) return {};
  return fail(Reason::io_failed, fmt::format("join {}: {}", group.to_string(), std::strerror(errno)));
}

void multicast_by(int fd, const Uplink& uplink) {
  if (uplink.local.is_v4()) {
    ip_mreqn request{};
    request.imr_ifindex = static_cast<int>(uplink.index);
    std::memcpy(&request.imr_address, uplink.local.bytes().data(), 4);
    ::setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &request, sizeof request);
  } else {
    set(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, static_cast<int>(uplink.index));
  }
}

bool send_datagram(int fd, ByteView datagram, const SocketAddress& to, unsigned scope) {
  const SystemAddress address = to_system(to, scope);
  for (int attempt = 0; attempt < 2; ++attempt) {
    if (::sendto(fd, datagram.data(), datagram.size(), MSG_NOSIGNAL, address.get(), address.size) >= 0) return true;
    drain_errors(fd);  // an ICMP error of an earlier datagram fails the next send once
  }
  return false;
}

Received receive_datagram(int fd, MutableBytes buffer, Datagram& out) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  ssize_t got = 0;
  do {
    got = ::recvfrom(fd, buffer.data(), buffer.size(), MSG_DONTWAIT, reinterpret_cast<sockaddr*>(&storage), &size);
  } while (got < 0 && errno == EINTR);
  if (got < 0) {
    const bool empty = errno == EAGAIN || errno == EWOULDBLOCK;
    return drain_errors(fd) || !empty ? Received::unreachable : Received::nothing;
  }
  const auto from = SocketAddress::from_sockaddr(reinterpret_cast<const sockaddr*>(&storage));
  out = {.bytes = buffer.first(static_cast<std::size_t>(got)), .from = from.value_or(SocketAddress{})};
  return Received::datagram;
}

}  // namespace fairlead::agent::nat
