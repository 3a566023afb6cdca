#pragma once
// The TLS ClientHello, as far as routing needs it: who is asked for, and what is spoken inside. Serves the listeners of
// both programs. Pure; any thread. RFC 8446 §4.1.2 and §5.1, RFC 6066 §3 (server_name), RFC 7301 (ALPN).
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "common/base/bytes.h"
#include "common/wire/parsed.h"

namespace fairlead::wire {

// Bytes on the wire up to the end of the hello, record headers included.
inline constexpr std::size_t kMaxClientHello = 64 * 1024;
// SNI names: what OpenSSL, BoringSSL and mbedtls send at most.
inline constexpr std::size_t kMaxServerName = 255;
inline constexpr std::size_t kMaxAlpnProtocols = 64;

struct ClientHello {
  std::optional<std::string> server_name;  // lower-case, without trailing dot; nullopt: no extension, or an empty one
  std::vector<std::string> alpn;           // in the client's order; opaque bytes, GREASE included
  bool early_data = false;                 // 0-RTT data follows: trying another endpoint may repeat a request

  bool operator==(const ClientHello&) const = default;
};

// The hello may be cut over TCP segments and over TLS records; `consumed` ends at the last of these records.
//   client_not_tls          not TLS at all; known after at most three bytes
//   client_hello_malformed  TLS, but not one well-formed ClientHello in handshake records of its own
//   classify_too_long       announces more than kMaxClientHello; answered before those bytes arrive
Parsed<ClientHello> parse_client_hello(ByteView in);

// The session ticket that a hello which was parsed offers (RFC 5077 §3.2); empty: none. For hellos that end here alone:
// routing does not need it.
Bytes session_ticket_of(ByteView hello);

}  // namespace fairlead::wire
