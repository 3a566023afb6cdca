#pragma once
// What a connection to a listener begins with. Serves the listeners of both programs; the agent's own listener takes
// `tls` only. Pure; any thread. PROXY headers are not sniffed: a listener either demands them or does not know them.
#include <array>
#include <cstdint>

#include "common/base/bytes.h"
#include "common/wire/parsed.h"

namespace fairlead::wire {

// A ticket begins with a byte that no TLS record, HTTP method or SOCKS version has.
inline constexpr std::array<std::uint8_t, 4> kTicketMagic{0xF1, 'F', 'L', 'D'};

enum class FirstBytes {
  tls,     // a TLS handshake record may follow: ask parse_client_hello
  ticket,  // kTicketMagic: a data channel
  verify,  // kVerifyRequestMagic: a rendezvous asks whether this is the agent
  socks5,  // a greeting may follow
  http,    // an upper-case letter, as methods begin with
  // A place is kept for h2c ("PRI * HTTP/2.0").
};

// Decides on the fewest bytes and consumes none; what a listener does not take is its own business. What no listener
// knows is Malformed{client_not_tls}.
Parsed<FirstBytes> classify_first_bytes(ByteView in);

}  // namespace fairlead::wire
