#pragma once
// IP addresses, socket addresses and CIDR blocks as values. A v4-mapped IPv6 address is made IPv4 when it comes in,
// so policy never sees two spellings of one host.
#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/bytes.h"

struct sockaddr;

namespace fairlead {

class IpAddress {
 public:
  IpAddress() = default;  // 0.0.0.0
  static IpAddress v4(std::array<std::uint8_t, 4> bytes);
  static IpAddress v6(std::array<std::uint8_t, 16> bytes);  // a v4-mapped one becomes v4
  // Literals only ("192.0.2.1", "2001:db8::1"), no brackets, no zone.
  static std::optional<IpAddress> parse(std::string_view text);

  bool is_v4() const { return v4_; }
  ByteView bytes() const { return ByteView(bytes_).first(v4_ ? 4 : 16); }
  std::string to_string() const;
  auto operator<=>(const IpAddress&) const = default;

 private:
  std::array<std::uint8_t, 16> bytes_{};
  bool v4_ = true;
};

struct SocketAddress {
  IpAddress ip;
  std::uint16_t port = 0;

  // "192.0.2.1:443" or "[2001:db8::1]:443"; the port is required.
  static std::optional<SocketAddress> parse(std::string_view text);
  static std::optional<SocketAddress> from_sockaddr(const sockaddr* address);
  std::string to_string() const;
  auto operator<=>(const SocketAddress&) const = default;
};

struct Cidr {
  IpAddress network;
  int prefix = 0;

  static std::optional<Cidr> parse(std::string_view text);  // "10.0.0.0/8"; without a slash: that one address
  bool contains(const IpAddress& address) const;
  std::string to_string() const;
  bool operator==(const Cidr&) const = default;
};

// A host and a port as a person writes them; the host is a name, an IPv4 literal or an IPv6 literal without brackets.
struct HostPort {
  std::string host;
  std::uint16_t port = 0;

  static std::optional<HostPort> parse(std::string_view text);
  std::string to_string() const;
  bool operator==(const HostPort&) const = default;
};

}  // namespace fairlead

template <>
struct std::hash<fairlead::IpAddress> {
  std::size_t operator()(const fairlead::IpAddress& ip) const noexcept;
};
