#include "common/net/socket.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <ifaddrs.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>

namespace fairlead::net {
namespace {

constexpr int kLeastKeepAliveGap = 5;  // seconds: a short idle time is a question, not a verdict

// Of a netmask; an interface without one is in no network but its own address.
int prefix_of(const sockaddr* mask, const IpAddress& address) {
  const auto bits = mask != nullptr ? SocketAddress::from_sockaddr(mask) : std::nullopt;
  int out = 0;
  if (!bits || bits->ip.is_v4() != address.is_v4()) return address.is_v4() ? 32 : 128;
  for (const std::uint8_t byte : bits->ip.bytes()) out += std::popcount(byte);
  return out;
}

struct RawAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

RawAddress to_raw(const SocketAddress& address) {
  RawAddress raw;
  const ByteView ip = address.ip.bytes();
  if (address.ip.is_v4()) {
    auto* in = reinterpret_cast<sockaddr_in*>(&raw.storage);
    in->sin_family = AF_INET;
    in->sin_port = htons(address.port);
    std::memcpy(&in->sin_addr, ip.data(), ip.size());
    raw.length = sizeof *in;
  } else {
    auto* in = reinterpret_cast<sockaddr_in6*>(&raw.storage);
    in->sin6_family = AF_INET6;
    in->sin6_port = htons(address.port);
    std::memcpy(&in->sin6_addr, ip.data(), ip.size());
    raw.length = sizeof *in;
  }
  return raw;
}

Result<RawAddress> to_raw_unix(const std::string& path) {
  RawAddress raw;
  auto* un = reinterpret_cast<sockaddr_un*>(&raw.storage);
  if (path.size() >= sizeof un->sun_path) return fail(Reason::config_invalid, path + ": path of a socket is too long");
  un->sun_family = AF_UNIX;
  std::memcpy(un->sun_path, path.data(), path.size());
  raw.length = sizeof *un;
  return raw;
}

tl::unexpected<Error> io_error(std::string_view what) {
  return fail(Reason::io_failed, fmt::format("{}: {}", what, std::strerror(errno)));
}

void set_int(int fd, int level, int option, int value) {
  // Options only tune: a kernel without one still serves.
  static_cast<void>(setsockopt(fd, level, option, &value, sizeof value));
}

Result<Fd> stream_socket(int family) {
  Fd fd(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return io_error("socket");
  return fd;
}

// Makes room for a socket at `path`: only what a program of this user left behind, and nobody answers at, is removed.
Result<void> remove_stale_socket(const std::string& path) {
  struct stat found{};
  if (::lstat(path.c_str(), &found) != 0) return {};  // bind() tells what else is wrong with the path
  if (!S_ISSOCK(found.st_mode)) return fail(Reason::config_invalid, path + ": is there and is no socket; it stays");
  const auto answered = connect_unix(path);  // a full backlog is an answer, too
  if (answered.has_value()) return fail(Reason::address_in_use, path + ": another program answers here");
  if (answered.error().reason != Reason::connect_refused || (found.st_uid != ::geteuid() && ::geteuid() != 0)) {
    return fail(Reason::address_in_use, path + ": a socket of another program; it stays");
  }
  ::unlink(path.c_str());
  return {};
}

// From errno. A host without the address, or without its family, may get it later.
tl::unexpected<Error> listen_error(const SocketAddress& address) {
  const bool missing = errno == EADDRNOTAVAIL || errno == EAFNOSUPPORT || errno == ENODEV;
  const Reason reason = errno == EADDRINUSE ? Reason::address_in_use
                        : missing           ? Reason::address_missing
                                            : Reason::io_failed;
  return fail(reason, fmt::format("cannot listen on {}: {}", address.to_string(), std::strerror(errno)));
}

Result<Fd> start_connect(Fd fd, const RawAddress& raw) {
  if (::connect(fd.get(), raw.get(), raw.length) != 0 && errno != EINPROGRESS) {
    return fail(connect_reason(errno), std::strerror(errno));
  }
  return fd;
}

std::optional<SocketAddress> name_of(int fd, int (*get)(int, sockaddr*, socklen_t*)) {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  if (get(fd, reinterpret_cast<sockaddr*>(&storage), &length) != 0) return std::nullopt;
  return SocketAddress::from_sockaddr(reinterpret_cast<sockaddr*>(&storage));
}

}  // namespace

Result<Fd> bind_tcp(const SocketAddress& address, ReusePort reuse) {
  auto fd = stream_socket(address.ip.is_v4() ? AF_INET : AF_INET6);
  if (!fd && errno == EAFNOSUPPORT) return listen_error(address);
  if (!fd) return fd;
  set_int(fd->get(), SOL_SOCKET, SO_REUSEADDR, 1);
  if (!address.ip.is_v4()) set_int(fd->get(), IPPROTO_IPV6, IPV6_V6ONLY, 1);
  if (reuse == ReusePort::yes) set_int(fd->get(), SOL_SOCKET, SO_REUSEPORT, 1);
  set_int(fd->get(), IPPROTO_TCP, TCP_NODELAY, 1);  // what is accepted inherits it: one call per listener
  const RawAddress raw = to_raw(address);
  if (::bind(fd->get(), raw.get(), raw.length) != 0) return listen_error(address);
  return fd;
}

Result<Fd> listen_tcp(const SocketAddress& address, ReusePort reuse) {
  auto fd = bind_tcp(address, reuse);
  if (fd && ::listen(fd->get(), kListenBacklog) != 0) return listen_error(address);
  return fd;
}

void accept_who_speaks(int listener) {
#ifdef TCP_DEFER_ACCEPT
  set_int(listener, IPPROTO_TCP, TCP_DEFER_ACCEPT, kSilenceSeconds);
#endif
}

Result<Fd> listen_unix(const std::string& path) {
  const auto raw = to_raw_unix(path);
  if (!raw) return tl::unexpected(raw.error());
  auto fd = stream_socket(AF_UNIX);
  if (!fd) return fd;
  if (auto room = remove_stale_socket(path); !room) return tl::unexpected(room.error());
  const mode_t before = ::umask(0177);
  const int bound = ::bind(fd->get(), raw->get(), raw->length);
  ::umask(before);
  if (bound != 0 || ::listen(fd->get(), kListenBacklog) != 0) return io_error(path);
  return fd;
}

Result<std::optional<AcceptedSocket>> accept_connection(int listener) {
  while (true) {
    sockaddr_storage storage{};
    socklen_t length = sizeof storage;
    auto* address = reinterpret_cast<sockaddr*>(&storage);
    Fd fd(::accept4(listener, address, &length, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (fd.valid()) {
      const auto peer = SocketAddress::from_sockaddr(address);
      return std::optional(AcceptedSocket{std::move(fd), peer.value_or(SocketAddress{})});
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK) return std::optional<AcceptedSocket>();
    // The connection died in the queue (accept(2) lists these as transient): look at the next one.
    if (errno == ECONNABORTED || errno == EINTR || errno == EPROTO) continue;
    const bool full = errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM;
    return fail(full ? Reason::server_full : Reason::io_failed, std::strerror(errno));
  }
}

Result<Fd> connect_tcp(const SocketAddress& address) {
  return connect_tcp(address, ConnectOptions{});
}

Result<Fd> connect_tcp(const SocketAddress& address, const ConnectOptions& options) {
  auto fd = stream_socket(address.ip.is_v4() ? AF_INET : AF_INET6);
  if (!fd) return fd;
  set_int(fd->get(), IPPROTO_TCP, TCP_NODELAY, 1);
  limit_buffers(fd->get(), options.buffers);
  if (options.source) {
    set_int(fd->get(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);  // the port is chosen when the target is known
    const auto raw = to_raw({*options.source, 0});
    if (::bind(fd->get(), raw.get(), raw.length) != 0) return io_error(options.source->to_string());
  }
  return start_connect(std::move(*fd), to_raw(address));
}

std::vector<IpAddress> host_addresses() {
  std::vector<IpAddress> out;
  for (const Cidr& each : host_networks()) out.push_back(each.network);
  return out;
}

std::vector<Cidr> host_networks() {
  std::vector<Cidr> out;
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return out;
  for (const ifaddrs* each = list; each != nullptr; each = each->ifa_next) {
    if (each->ifa_addr == nullptr || (each->ifa_flags & IFF_UP) == 0) continue;
    const auto address = SocketAddress::from_sockaddr(each->ifa_addr);
    if (address) out.push_back({address->ip, prefix_of(each->ifa_netmask, address->ip)});
  }
  ::freeifaddrs(list);
  return out;
}

Result<std::optional<Fd>> connect_unix(const std::string& path) {
  const auto raw = to_raw_unix(path);
  if (!raw) return tl::unexpected(raw.error());
  auto fd = stream_socket(AF_UNIX);
  if (!fd) return tl::unexpected(fd.error());
  if (::connect(fd->get(), raw->get(), raw->length) == 0) return std::optional(std::move(*fd));
  if (errno == EAGAIN) return std::optional<Fd>();
  return fail(connect_reason(errno), std::strerror(errno));
}

std::optional<Error> connect_result(int fd) {
  int error_number = 0;
  socklen_t length = sizeof error_number;
  if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error_number, &length) != 0) error_number = errno;
  if (error_number == 0) return std::nullopt;
  return Error{connect_reason(error_number), std::strerror(error_number)};
}

Reason connect_reason(int error_number) {
  switch (error_number) {
    case ECONNREFUSED:
    case ENOENT:  // a unix path without its socket
    case ECONNRESET:
      return Reason::connect_refused;
    case ETIMEDOUT:
      return Reason::connect_timeout;
    case ENETUNREACH:
    case EHOSTUNREACH:
    case ENETDOWN:
    case EADDRNOTAVAIL:
      return Reason::connect_unreachable;
    default:
      return Reason::io_failed;
  }
}

std::optional<SocketAddress> peer_address(int fd) {
  return name_of(fd, ::getpeername);
}

std::optional<SocketAddress> local_address(int fd) {
  return name_of(fd, ::getsockname);
}

void pace_keep_alive(int fd, Duration idle) {
  const int seconds = std::max(1, static_cast<int>(std::chrono::ceil<std::chrono::seconds>(idle).count()));
  set_int(fd, IPPROTO_TCP, TCP_KEEPIDLE, seconds);
  set_int(fd, IPPROTO_TCP, TCP_KEEPINTVL, std::max(kLeastKeepAliveGap, seconds / 10));
  set_int(fd, IPPROTO_TCP, TCP_KEEPCNT, 3);
}

void start_keep_alive(int fd) {
  set_int(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
}

void keep_alive(int fd, Duration idle) {
  start_keep_alive(fd);  // first: a pace that changes while it is on counts from the last sign of life
  pace_keep_alive(fd, idle);
}

void set_user_timeout(int fd, Duration limit) {
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(limit).count();
  set_int(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, static_cast<int>(ms));
}

void shut_down_writing(int fd) {
  ::shutdown(fd, SHUT_WR);
}

void reset_on_close(int fd) {
  const linger now{.l_onoff = 1, .l_linger = 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

int unacknowledged_bytes(int fd) {
  int queued = 0;
  return ioctl(fd, SIOCOUTQ, &queued) == 0 ? queued : 0;
}

Result<std::optional<std::size_t>> read_some(int fd, MutableBytes into) {
  while (true) {
    const ssize_t got = ::recv(fd, into.data(), into.size(), 0);
    if (got >= 0) return std::optional(static_cast<std::size_t>(got));
    if (errno == EAGAIN || errno == EWOULDBLOCK) return std::optional<std::size_t>();
    if (errno != EINTR) return fail(Reason::connection_lost, std::strerror(errno));
  }
}

Result<std::optional<std::size_t>> write_some(int fd, ByteView bytes) {
  while (true) {
    const ssize_t put = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (put >= 0) return std::optional(static_cast<std::size_t>(put));
    if (errno == EAGAIN || errno == EWOULDBLOCK) return std::optional<std::size_t>();
    if (errno != EINTR) return fail(Reason::connection_lost, std::strerror(errno));
  }
}

bool connection_over(int fd) {
  pollfd asked{.fd = fd, .events = 0, .revents = 0};
  return ::poll(&asked, 1, 0) > 0 && (asked.revents & (POLLHUP | POLLERR)) != 0;
}

Peek peek(int fd) {
  std::uint8_t byte = 0;
  const ssize_t got = ::recv(fd, &byte, 1, MSG_PEEK);
  if (got > 0) return Peek::bytes;
  return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK) ? Peek::nothing : Peek::end;
}

std::size_t raise_open_files() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  return static_cast<std::size_t>(limit.rlim_cur);
}

}  // namespace fairlead::net
