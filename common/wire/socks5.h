#pragma once
// SOCKS5 as a server speaks it (RFC 1928): the client's greeting and request, our choice and our reply. Without
// authentication, CONNECT alone; an address in the place of a name is read, for whoever refuses it. Serves listeners of
// both programs. Pure; any thread.
//
//   socks_malformed      another version, a reserved byte that is not zero, an empty name or one with odd bytes
//   socks_command        BIND, UDP ASSOCIATE or none of the three
//   socks_address_type   neither a name nor an IPv4 or IPv6 address
#include <cstdint>
#include <string>

#include "common/base/byte_writer.h"
#include "common/base/bytes.h"
#include "common/wire/parsed.h"

namespace fairlead::wire {

inline constexpr std::uint8_t kSocksVersion = 5;

// §3. What else the client offers is not looked at.
struct SocksGreeting {
  bool open = false;  // no authentication is among it
  bool operator==(const SocksGreeting&) const = default;
};
Parsed<SocksGreeting> parse_socks_greeting(ByteView in);
void write_socks_greeting(const SocksGreeting& greeting, ByteWriter& out);
// Our choice: no authentication; or none of what was offered, behind which the connection ends.
void write_socks_choice(const SocksGreeting& greeting, ByteWriter& out);

// §4. Of a CONNECT.
struct SocksRequest {
  std::string host;  // a name as it was sent, of visible ASCII; an address as text
  std::uint16_t port = 0;
  bool operator==(const SocksRequest&) const = default;
};
Parsed<SocksRequest> parse_socks_request(ByteView in);
void write_socks_request(const SocksRequest& request, ByteWriter& out);  // as a name, of 1 to 255 bytes

// §6.
enum class SocksReply : std::uint8_t {
  succeeded = 0,
  failure = 1,
  not_allowed = 2,
  host_unreachable = 4,
  refused = 5,
  command_not_supported = 7,
  address_type_not_supported = 8,
};
// With the address 0.0.0.0:0: which one stands for a name here is nobody's business.
void write_socks_reply(SocksReply reply, ByteWriter& out);

}  // namespace fairlead::wire
