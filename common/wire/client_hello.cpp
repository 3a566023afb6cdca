#include "common/wire/client_hello.h"

#include <algorithm>
#include <utility>

#include "common/base/byte_reader.h"
#include "common/base/pattern.h"
#include "common/wire/tls_handshake.h"

namespace fairlead::wire {
namespace {

constexpr HandshakeRules kRules{
    .type = 1,              // client_hello
    .highest_minor = 0xFF,  // RFC 5246 §E.1: servers accept any {03,XX} in front of a hello; RFC 8446 §5.1: ignored
    .after = AfterMessage::nothing,
    .limit = kMaxClientHello,
    .not_tls = Reason::client_not_tls,
    .malformed = Reason::client_hello_malformed,
    .too_long = Reason::classify_too_long,
};
constexpr std::uint16_t kTls10 = 0x0301;
constexpr std::size_t kRandom = 32;
constexpr std::size_t kMaxSessionId = 32;

constexpr std::uint16_t kServerName = 0;
constexpr std::uint16_t kAlpn = 16;
constexpr std::uint16_t kSessionTicket = 35;
constexpr std::uint16_t kEarlyData = 42;

// RFC 6066 §3 wants ASCII. NUL, space and control characters are where two readers of a name begin to disagree.
bool name_printable(std::string_view name) {
  return std::all_of(name.begin(), name.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

// RFC 6066 §3. A list of several names is refused: which one counts would differ between us and the service.
bool read_server_name(ByteView extension, ClientHello& hello) {
  if (extension.empty()) return true;
  ByteReader reader(extension);
  ByteReader list(reader.bytes16());
  if (!reader.finished()) return false;
  if (list.empty()) return true;
  constexpr std::uint8_t kHostName = 0;
  if (list.u8() != kHostName) return false;
  const std::string_view name = as_text(list.bytes16());
  if (!list.finished() || name.size() > kMaxServerName || !name_printable(name)) return false;
  if (name.empty()) return true;
  hello.server_name = normalize_name(name);
  return !hello.server_name->empty();
}

// RFC 7301 §3.1
bool read_alpn(ByteView extension, ClientHello& hello) {
  ByteReader reader(extension);
  ByteReader list(reader.bytes16());
  if (!reader.finished() || list.empty()) return false;
  while (!list.empty()) {
    const std::string_view protocol = as_text(list.bytes8());
    if (!list.ok() || protocol.empty() || hello.alpn.size() == kMaxAlpnProtocols) return false;
    hello.alpn.emplace_back(protocol);
  }
  return true;
}

// RFC 8446 §4.2.10: empty in a ClientHello.
bool read_early_data(ByteView extension, ClientHello& hello) {
  hello.early_data = true;
  return extension.empty();
}

// RFC 8446 §4.2: no extension comes twice. Only those read here are watched: the service checks the rest.
bool read_extensions(ByteView block, ClientHello& hello) {
  bool seen_name = false;
  bool seen_alpn = false;
  bool seen_early = false;
  const auto first = [](bool& seen) { return !std::exchange(seen, true); };
  ByteReader reader(block);
  while (!reader.empty()) {
    const std::uint16_t type = reader.u16();
    const ByteView content = reader.bytes16();
    if (!reader.ok()) return false;
    if (type == kServerName && !(first(seen_name) && read_server_name(content, hello))) return false;
    if (type == kAlpn && !(first(seen_alpn) && read_alpn(content, hello))) return false;
    if (type == kEarlyData && !(first(seen_early) && read_early_data(content, hello))) return false;
  }
  return true;
}

// RFC 8446 §4.1.2. Empty where there are none: TLS 1.2 and older may leave them out (RFC 5246 §7.4.1.2).
std::optional<ByteView> extensions_of(ByteView body) {
  ByteReader reader(body);
  const std::uint16_t legacy_version = reader.u16();
  reader.skip(kRandom);
  const ByteView session_id = reader.bytes8();
  const ByteView suites = reader.bytes16();
  const ByteView compression = reader.bytes8();
  if (!reader.ok() || legacy_version < kTls10 || session_id.size() > kMaxSessionId) return std::nullopt;
  if (suites.empty() || suites.size() % 2 != 0 || compression.empty()) return std::nullopt;
  if (reader.empty()) return ByteView();
  const ByteView extensions = reader.bytes16();
  if (!reader.finished()) return std::nullopt;
  return extensions;
}

}  // namespace

Parsed<ClientHello> parse_client_hello(ByteView in) {
  const Parsed<Bytes> message = collect_handshake(in, kRules);
  if (const auto* more = std::get_if<NeedMore>(&message)) return *more;
  if (const auto* bad = std::get_if<Malformed>(&message)) return *bad;
  const auto& done = std::get<Done<Bytes>>(message);
  ClientHello hello;
  const auto extensions = extensions_of(done.value);
  if (!extensions || !read_extensions(*extensions, hello)) return Malformed{Reason::client_hello_malformed};
  return Done<ClientHello>{std::move(hello), done.consumed};
}

Bytes session_ticket_of(ByteView hello) {
  const Parsed<Bytes> message = collect_handshake(hello, kRules);
  const auto* done = std::get_if<Done<Bytes>>(&message);
  const auto extensions = done == nullptr ? std::nullopt : extensions_of(done->value);
  ByteReader reader(extensions.value_or(ByteView()));
  while (!reader.empty()) {
    const std::uint16_t type = reader.u16();
    const ByteView content = reader.bytes16();
    if (!reader.ok()) break;
    if (type == kSessionTicket) return Bytes(content.begin(), content.end());
  }
  return {};
}

}  // namespace fairlead::wire
