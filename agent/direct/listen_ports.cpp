#include "agent/direct/listen_ports.h"

#include <algorithm>
#include <span>

#include "common/base/log.h"
#include "common/crypto/sha256.h"
#include "common/net/socket.h"

namespace fairlead::agent {
namespace {

using Bound = std::vector<BoundSocket>;

Result<BoundSocket> bind_one(SocketAddress address, std::uint16_t port) {
  address.port = port;
  auto fd = net::listen_tcp(address, net::ReusePort::no);
  if (!fd) return tl::unexpected(fd.error());
  return BoundSocket{address, std::move(*fd)};
}

// `address` at the first of these ports that is free.
Result<BoundSocket> bind_somewhere(const SocketAddress& address, std::span<const std::uint16_t> ports) {
  Error last{Reason::address_in_use, "every derived port is in use"};
  for (const std::uint16_t port : ports) {
    auto bound = bind_one(address, port);
    if (bound) return bound;
    last = bound.error();
  }
  return tl::unexpected(std::move(last));
}

// All of `wanted` at one port. address_in_use: another port may do.
Result<Bound> bind_together(const std::vector<SocketAddress>& wanted, std::uint16_t port) {
  Bound out;
  for (const SocketAddress& address : wanted) {
    auto bound = bind_one(address, port);
    if (!bound) return tl::unexpected(bound.error());
    out.push_back(std::move(*bound));
  }
  return out;
}

}  // namespace

std::array<std::uint16_t, kListenPortTries> listen_ports(std::string_view name) {
  const crypto::Digest digest = crypto::sha256(as_bytes(name));
  static_assert(2 * kListenPortTries == digest.size());
  std::array<std::uint16_t, kListenPortTries> out{};
  for (std::size_t i = 0; i < out.size(); ++i) {
    const unsigned drawn = digest[2 * i] * 256u + digest[2 * i + 1];
    out[i] = static_cast<std::uint16_t>(kFirstListenPort + drawn % (kLastListenPort - kFirstListenPort + 1u));
  }
  return out;
}

Result<std::vector<BoundSocket>> bind_listeners(const std::vector<SocketAddress>& wanted, std::string_view name,
                                                std::vector<LeftOut>* left) {
  Bound out;
  Error last{Reason::io_failed, "[nat] listen names no address"};
  std::vector<SocketAddress> open;  // to be bound at a derived port
  const auto leave_out = [&](const SocketAddress& address, const Error& why) {
    last = why;
    if (left != nullptr) left->push_back({address, why});
    // A host without IPv6 is nothing to worry about.
    log(address.ip.is_v4() ? Level::warn : Level::info, "listen address left out",
        {{"address", address.to_string()}, {"reason", reason_code(why.reason)}, {"detail", why.detail}});
  };
  for (const SocketAddress& address : wanted) {
    auto bound = bind_one(address, address.port);  // port 0: whether the host has this address at all
    if (!bound) {
      leave_out(address, bound.error());
    } else if (address.port != 0) {
      out.push_back(std::move(*bound));
    } else {
      open.push_back(address);
    }
  }
  const auto ports = listen_ports(name);
  bool placed = open.empty();
  for (const std::uint16_t port : ports) {
    if (placed) break;
    auto together = bind_together(open, port);
    placed = together.has_value();
    if (placed) std::ranges::move(*together, std::back_inserter(out));
  }
  for (const SocketAddress& address : open) {
    if (placed) break;
    auto bound = bind_somewhere(address, ports);
    if (bound) {
      out.push_back(std::move(*bound));
    } else {
      leave_out(address, bound.error());
    }
  }
  if (out.empty()) return tl::unexpected(last);
  return out;
}

}  // namespace fairlead::agent
