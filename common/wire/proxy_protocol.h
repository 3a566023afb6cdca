#pragma once
// The PROXY protocol, v1 (text) and v2 (binary): who called, told by the hop before us or by us to the service. Serves
// the listeners behind load balancers, and the agent's dialler. Pure; any thread.
// Specification: proxy-protocol.txt of HAProxy ("PROXY spec").
#include <cstddef>
#include <optional>
#include <string>

#include "common/base/byte_writer.h"
#include "common/base/bytes.h"
#include "common/base/ip.h"
#include "common/wire/parsed.h"

namespace fairlead::wire {

inline constexpr std::size_t kMaxProxyV1 = 107;             // PROXY spec §2.1, CRLF included
inline constexpr std::size_t kMaxProxyV2 = 16 + 16 * 1024;  // ours; the spec's own limit is 64 KiB
inline constexpr std::size_t kMaxProxyWritten = 900;        // nginx reads no header above 1024 bytes
inline constexpr std::size_t kMaxProxyAuthority = 255;
inline constexpr std::size_t kMaxProxyUniqueId = 128;  // PROXY spec §2.2.5

// v2 only: that the hop before ended the client's TLS, and what it saw there. Written, not read: nobody tells us.
struct ProxyTls {
  bool resumed = false;     // the certificate was shown in an earlier connection of the session
  std::string version;      // "TLSv1.2"
  std::string common_name;  // empty: none
  std::string alpn;         // what was agreed on; empty: nothing
  std::string spiffe_id;    // in the TLV 0xD0

  bool operator==(const ProxyTls&) const = default;
};
// Of ProxyTls: with these every header fits into kMaxProxyWritten, if need be without its unique_id.
inline constexpr std::size_t kMaxProxyVersion = 8;
inline constexpr std::size_t kMaxProxyCommonName = 64;
inline constexpr std::size_t kMaxProxyAlpn = 32;
inline constexpr std::size_t kMaxProxyIdentity = 450;

struct ProxyHeader {
  bool local = false;  // LOCAL or UNKNOWN: the connection's own addresses hold; source and destination are empty
  std::optional<SocketAddress> source;
  std::optional<SocketAddress> destination;
  std::optional<std::string> authority;  // v2 only: the SNI that the hop before saw, bytes as it sent them
  Bytes unique_id;                       // v2 only: 1 to kMaxProxyUniqueId bytes, empty: none
  std::optional<ProxyTls> tls;

  bool operator==(const ProxyHeader&) const = default;
};

// v1 or v2, told apart by their signature.
//   proxy_header_required   begins with neither signature; known at the first byte that differs
//   proxy_header_malformed  a signature, then something else than the specification allows
Parsed<ProxyHeader> parse_proxy_header(ByteView in);

enum class ProxyVersion { v1, v2 };
// Without both addresses v1 is UNKNOWN, and v2 LOCAL, which carries nothing else. Mixed families are written as IPv6,
// the other address v4-mapped, so that the caller is never lost. v2 ends with its CRC32C.
// The caller keeps authority, unique_id and tls within their limits; beyond kMaxProxyWritten unique_id is left out.
void write_proxy_header(ProxyVersion version, const ProxyHeader& header, ByteWriter& out);

}  // namespace fairlead::wire
