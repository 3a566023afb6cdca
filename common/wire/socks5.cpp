#include "common/wire/socks5.h"

#include <algorithm>
#include <array>
#include <optional>

#include "common/base/byte_reader.h"
#include "common/base/ip.h"

namespace fairlead::wire {
namespace {

// RFC 1928 §3, §4, §5
constexpr std::uint8_t kNoAuthentication = 0x00;
constexpr std::uint8_t kNoneAcceptable = 0xFF;
constexpr std::uint8_t kConnect = 0x01;
constexpr std::uint8_t kIpv4 = 0x01;
constexpr std::uint8_t kName = 0x03;
constexpr std::uint8_t kIpv6 = 0x04;
constexpr std::size_t kRequestHead = 4;  // version, command, reserved, kind of address
constexpr std::size_t kPort = 2;

constexpr Malformed kBroken{Reason::socks_malformed};

bool is_visible(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; });
}

// Each byte of the head decides by itself.
std::optional<Malformed> refuse_head(ByteView in) {
  if (!in.empty() && in[0] != kSocksVersion) return kBroken;
  if (in.size() > 1 && in[1] != kConnect) return Malformed{Reason::socks_command};
  if (in.size() > 2 && in[2] != 0) return kBroken;
  if (in.size() < kRequestHead) return std::nullopt;
  if (in[3] == kIpv4 || in[3] == kName || in[3] == kIpv6) return std::nullopt;
  return Malformed{Reason::socks_address_type};
}

// `size` bytes of an address that begins at `at`, and the port behind it.
template <class ReadHost>
Parsed<SocksRequest> read_goal(ByteView in, std::size_t at, std::size_t size, ReadHost read_host) {
  const std::size_t whole = at + size + kPort;
  if (in.size() < whole) return NeedMore{whole - in.size()};
  auto host = read_host(in.subspan(at, size));
  if (!host) return kBroken;
  return Done<SocksRequest>{{std::move(*host), ByteReader(in.subspan(at + size)).u16()}, whole};
}

template <std::size_t N>
std::array<std::uint8_t, N> array_of(ByteView bytes) {
  std::array<std::uint8_t, N> out{};
  std::copy_n(bytes.begin(), N, out.begin());
  return out;
}

std::optional<std::string> read_ipv4(ByteView bytes) {
  return IpAddress::v4(array_of<4>(bytes)).to_string();
}
std::optional<std::string> read_ipv6(ByteView bytes) {
  return IpAddress::v6(array_of<16>(bytes)).to_string();
}
std::optional<std::string> read_name(ByteView bytes) {
  return is_visible(as_text(bytes)) ? std::optional(std::string(as_text(bytes))) : std::nullopt;
}

}  // namespace

Parsed<SocksGreeting> parse_socks_greeting(ByteView in) {
  if (in.empty()) return NeedMore{1};
  if (in[0] != kSocksVersion) return kBroken;
  if (in.size() < 2) return NeedMore{1};
  const std::size_t methods = in[1];
  if (methods == 0) return kBroken;  // it offers nothing, not even to be let in
  const std::size_t whole = 2 + methods;
  if (in.size() < whole) return NeedMore{whole - in.size()};
  return Done<SocksGreeting>{{std::ranges::count(in.subspan(2, methods), kNoAuthentication) > 0}, whole};
}

void write_socks_greeting(const SocksGreeting& greeting, ByteWriter& out) {
  out.u8(kSocksVersion);
  out.bytes8(Bytes{greeting.open ? kNoAuthentication : kNoneAcceptable});
}

void write_socks_choice(const SocksGreeting& greeting, ByteWriter& out) {
  out.u8(kSocksVersion);
  out.u8(greeting.open ? kNoAuthentication : kNoneAcceptable);
}

Parsed<SocksRequest> parse_socks_request(ByteView in) {
  if (const auto refused = refuse_head(in)) return *refused;
  if (in.size() < kRequestHead) return NeedMore{1};  // the next byte may be the wrong one
  if (in[3] == kIpv4) return read_goal(in, kRequestHead, 4, &read_ipv4);
  if (in[3] == kIpv6) return read_goal(in, kRequestHead, 16, &read_ipv6);
  if (in.size() == kRequestHead) return NeedMore{1};
  const std::size_t length = in[kRequestHead];
  if (length == 0) return kBroken;
  return read_goal(in, kRequestHead + 1, length, &read_name);
}

void write_socks_request(const SocksRequest& request, ByteWriter& out) {
  out.bytes(Bytes{kSocksVersion, kConnect, 0, kName});
  out.bytes8(as_bytes(request.host));
  out.u16(request.port);
}

void write_socks_reply(SocksReply reply, ByteWriter& out) {
  out.bytes(Bytes{kSocksVersion, static_cast<std::uint8_t>(reply), 0, kIpv4, 0, 0, 0, 0, 0, 0});
}

}  // namespace fairlead::wire
