#include "common/wire/proxy_protocol.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "common/base/byte_reader.h"
#include "common/base/check.h"
#include "common/wire/crc32c.h"

namespace fairlead::wire {
namespace {

constexpr std::string_view kV1Signature = "PROXY";
constexpr std::array<std::uint8_t, 12> kV2Signature{0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D,
                                                    0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A};
constexpr std::size_t kV2Fixed = 16;  // signature, version and command, family, length
constexpr std::uint8_t kLocal = 0x20;
constexpr std::uint8_t kProxy = 0x21;
constexpr std::uint8_t kTcp4 = 0x11;
constexpr std::uint8_t kTcp6 = 0x21;
constexpr std::size_t kCrcBytes = 4;

// PROXY spec §2.2, type of a TLV
constexpr std::uint8_t kAlpn = 0x01;
constexpr std::uint8_t kAuthority = 0x02;
constexpr std::uint8_t kCrc32c = 0x03;
constexpr std::uint8_t kUniqueId = 0x05;
constexpr std::uint8_t kSsl = 0x20;
constexpr std::uint8_t kSpiffeId = 0xD0;  // what Istio's ztunnel says it with, too
// §2.2.6: what stands within kSsl
constexpr std::uint8_t kSslVersion = 0x21;
constexpr std::uint8_t kSslCommonName = 0x22;
constexpr std::uint8_t kClientSpokeSsl = 0x01;
constexpr std::uint8_t kCertificateNow = 0x02;
constexpr std::uint8_t kCertificateOfSession = 0x04;
constexpr std::size_t kTlvHead = 3;

constexpr Malformed kBroken{Reason::proxy_header_malformed};

Done<ProxyHeader> local_header(std::size_t consumed) {
  ProxyHeader header;
  header.local = true;
  return {std::move(header), consumed};
}

// --- version 1, PROXY spec §2.1 ---

// Cuts a word off at the next space; nullopt when there is no further word.
std::optional<std::string_view> take_word(std::optional<std::string_view>& line) {
  if (!line) return std::nullopt;
  const auto space = line->find(' ');
  const std::string_view word = line->substr(0, space);
  line = space == std::string_view::npos ? std::nullopt : std::optional(line->substr(space + 1));
  return word;
}

std::optional<std::uint16_t> parse_v1_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  const bool leading_zero = text.size() > 1 && text.front() == '0';
  if (error != std::errc() || end != text.data() + text.size() || leading_zero) return std::nullopt;
  return port;
}

// The word names the caller's family. The address that was called may be of the other one: nginx writes both as they
// are when a hop before it told it of the caller.
std::optional<IpAddress> parse_v1_caller(std::string_view protocol, std::string_view text) {
  const bool v6 = text.find(':') != std::string_view::npos;
  if (v6 != (protocol == "TCP6")) return std::nullopt;
  return IpAddress::parse(text);
}

Parsed<ProxyHeader> parse_v1_line(std::string_view text, std::size_t consumed) {
  const bool printable = std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
  std::optional<std::string_view> line = text;
  const auto signature = take_word(line);
  const auto protocol = take_word(line);
  if (!printable || signature != kV1Signature || !protocol) return kBroken;
  if (*protocol == "UNKNOWN") return local_header(consumed);
  if (*protocol != "TCP4" && *protocol != "TCP6") return kBroken;
  const auto source = parse_v1_caller(*protocol, take_word(line).value_or(""));
  const auto destination = IpAddress::parse(take_word(line).value_or(""));
  const auto source_port = parse_v1_port(take_word(line).value_or(""));
  const auto destination_port = parse_v1_port(take_word(line).value_or(""));
  if (!source || !destination || !source_port || !destination_port || line) return kBroken;
  ProxyHeader header;
  header.source = SocketAddress{*source, *source_port};
  header.destination = SocketAddress{*destination, *destination_port};
  return Done<ProxyHeader>{std::move(header), consumed};
}

Parsed<ProxyHeader> parse_v1(ByteView in) {
  const std::string_view text = as_text(in.first(std::min(in.size(), kMaxProxyV1)));
  const auto stop = text.find_first_of("\r\n");
  if (stop == std::string_view::npos) {
    if (text.size() + 1 >= kMaxProxyV1) return kBroken;  // no room for CR and LF
    return NeedMore{1};                                  // the next byte may be a lone LF
  }
  if (text[stop] != '\r' || stop + 2 > kMaxProxyV1) return kBroken;
  if (stop + 1 == text.size()) return NeedMore{1};
  if (text[stop + 1] != '\n') return kBroken;
  return parse_v1_line(text.substr(0, stop), stop + 2);
}

// --- version 2, PROXY spec §2.2 ---

std::size_t address_bytes(std::uint8_t family) {
  return family == kTcp4 ? 12 : family == kTcp6 ? 36 : 0;
}

// Values that the specification wants rejected; a LOCAL header's family is ignored.
bool family_allowed(std::uint8_t command, std::uint8_t family) {
  return command == kLocal || (family >> 4 <= 3 && (family & 0xF) <= 2);
}

IpAddress read_ip(std::uint8_t family, ByteReader& reader) {
  if (family == kTcp4) {
    std::array<std::uint8_t, 4> bytes{};
    std::ranges::copy(reader.bytes(bytes.size()), bytes.begin());
    return IpAddress::v4(bytes);
  }
  std::array<std::uint8_t, 16> bytes{};
  std::ranges::copy(reader.bytes(bytes.size()), bytes.begin());
  return IpAddress::v6(bytes);
}

// The checksum is over the whole header with its own four bytes zeroed (PROXY spec §2.2.3).
bool crc_matches(ByteView header, ByteView field) {
  Bytes zeroed(header.begin(), header.end());
  std::fill_n(zeroed.begin() + (field.data() - header.data()), kCrcBytes, std::uint8_t{0});
  return ByteReader(field).u32() == crc32c(zeroed);
}

// Types that are not ours, NOOP among them, are skipped. False when the block or a value breaks the specification.
bool read_tlvs(ByteView whole, ByteReader& reader, ProxyHeader& header) {
  std::optional<ByteView> crc;
  while (!reader.empty()) {
    const std::uint8_t type = reader.u8();
    const ByteView value = reader.bytes16();
    if (!reader.ok()) return false;
    switch (type) {
      case kAuthority:
        if (header.authority || value.size() > kMaxProxyAuthority) return false;
        header.authority = std::string(as_text(value));
        break;
      case kUniqueId:
        if (!header.unique_id.empty() || value.size() > kMaxProxyUniqueId) return false;
        header.unique_id.assign(value.begin(), value.end());
        break;
      case kCrc32c:
        if (crc || value.size() != kCrcBytes) return false;
        crc = value;
        break;
      default:
        break;
    }
  }
  return !crc || crc_matches(whole, *crc);
}

Parsed<ProxyHeader> parse_v2(ByteView in) {
  ByteReader reader(in);
  reader.skip(kV2Signature.size());
  if (reader.empty()) return NeedMore{1};
  const std::uint8_t command = reader.u8();
  if (command != kLocal && command != kProxy) return kBroken;
  if (reader.empty()) return NeedMore{1};
  const std::uint8_t family = reader.u8();
  if (!family_allowed(command, family)) return kBroken;
  if (in.size() < kV2Fixed) return NeedMore{kV2Fixed - in.size()};
  const std::size_t total = kV2Fixed + reader.u16();
  const std::size_t addresses = address_bytes(family);
  const bool tcp = command == kProxy && addresses != 0;
  if (total > kMaxProxyV2 || (tcp && total < kV2Fixed + addresses)) return kBroken;
  if (in.size() < total) return NeedMore{total - in.size()};
  // UDP, UNIX and UNSPEC fall back to the connection's own addresses, as the specification allows.
  if (!tcp) return local_header(total);

  const ByteView whole = in.first(total);
  ByteReader block(whole.subspan(kV2Fixed));
  ProxyHeader header;
  header.source = SocketAddress{read_ip(family, block), 0};
  header.destination = SocketAddress{read_ip(family, block), 0};
  header.source->port = block.u16();
  header.destination->port = block.u16();
  if (!read_tlvs(whole, block, header)) return kBroken;
  return Done<ProxyHeader>{std::move(header), total};
}

// --- writing ---

bool both_v4(const ProxyHeader& header) {
  return header.source->ip.is_v4() && header.destination->ip.is_v4();
}

void write_v1(const ProxyHeader& header, ByteWriter& out) {
  if (header.local || !header.source || !header.destination) return out.text("PROXY UNKNOWN\r\n");
  const bool v4 = both_v4(header);
  const auto text_of = [v4](const IpAddress& ip) {
    return fmt::format("{}{}", !v4 && ip.is_v4() ? "::ffff:" : "", ip.to_string());
  };
  out.text(fmt::format("PROXY {} {} {} {} {}\r\n", v4 ? "TCP4" : "TCP6", text_of(header.source->ip),
                       text_of(header.destination->ip), header.source->port, header.destination->port));
}

// An IPv4 address beside an IPv6 one is written v4-mapped.
void write_ip(std::uint8_t family, const IpAddress& ip, ByteWriter& out) {
  constexpr std::array<std::uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
  if (family == kTcp6 && ip.is_v4()) out.bytes(kMapped);
  out.bytes(ip.bytes());
}

void write_tlv(std::uint8_t type, ByteView value, Bytes& block) {
  ByteWriter writer(block);
  writer.u8(type);
  writer.bytes16(value);
}

Bytes address_block(std::uint8_t family, const ProxyHeader& header) {
  Bytes block;
  ByteWriter writer(block);
  write_ip(family, header.source->ip, writer);
  write_ip(family, header.destination->ip, writer);
  writer.u16(header.source->port);
  writer.u16(header.destination->port);
  return block;
}

// The certificate was verified: whoever has none does not come so far.
void write_tls(const ProxyTls& tls, Bytes& block) {
  if (!tls.alpn.empty()) write_tlv(kAlpn, as_bytes(tls.alpn), block);
  Bytes about;
  ByteWriter writer(about);
  writer.u8(kClientSpokeSsl | kCertificateOfSession | (tls.resumed ? 0 : kCertificateNow));
  writer.u32(0);  // verified
  write_tlv(kSslVersion, as_bytes(tls.version), about);
  if (!tls.common_name.empty()) write_tlv(kSslCommonName, as_bytes(tls.common_name), about);
  write_tlv(kSsl, about, block);
  write_tlv(kSpiffeId, as_bytes(tls.spiffe_id), block);
}

void write_v2(const ProxyHeader& header, ByteWriter& out) {
  Bytes whole;
  ByteWriter writer(whole);
  writer.bytes(kV2Signature);
  if (header.local || !header.source || !header.destination) {
    writer.u8(kLocal);
    writer.u8(0);
    writer.u16(0);
    return out.bytes(whole);
  }
  const std::uint8_t family = both_v4(header) ? kTcp4 : kTcp6;
  Bytes block = address_block(family, header);
  if (header.authority) write_tlv(kAuthority, as_bytes(*header.authority), block);
  if (header.tls) write_tls(*header.tls, block);
  const std::size_t with_id = kV2Fixed + block.size() + kTlvHead + header.unique_id.size() + kTlvHead + kCrcBytes;
  if (!header.unique_id.empty() && with_id <= kMaxProxyWritten) write_tlv(kUniqueId, header.unique_id, block);
  write_tlv(kCrc32c, std::array<std::uint8_t, kCrcBytes>{}, block);
  writer.u8(kProxy);
  writer.u8(family);
  writer.bytes16(block);
  CHECK(whole.size() <= kMaxProxyWritten);
  writer.patch_u32(whole.size() - kCrcBytes, crc32c(whole));
  out.bytes(whole);
}

}  // namespace

Parsed<ProxyHeader> parse_proxy_header(ByteView in) {
  const auto begins_like = [in](ByteView signature) {
    const std::size_t n = std::min(in.size(), signature.size());
    return std::ranges::equal(in.first(n), signature.first(n));
  };
  const bool v1 = begins_like(as_bytes(kV1Signature));
  const bool v2 = begins_like(kV2Signature);
  if (!v1 && !v2) return Malformed{Reason::proxy_header_required};
  if (in.size() < (v1 ? kV1Signature.size() : kV2Signature.size())) return NeedMore{1};
  return v1 ? parse_v1(in) : parse_v2(in);
}

void write_proxy_header(ProxyVersion version, const ProxyHeader& header, ByteWriter& out) {
  CHECK(!header.authority || header.authority->size() <= kMaxProxyAuthority);
  CHECK(header.unique_id.size() <= kMaxProxyUniqueId);
  CHECK(!header.tls ||
        (header.tls->version.size() <= kMaxProxyVersion && header.tls->common_name.size() <= kMaxProxyCommonName &&
         header.tls->alpn.size() <= kMaxProxyAlpn && header.tls->spiffe_id.size() <= kMaxProxyIdentity));
  switch (version) {
    case ProxyVersion::v1:
      return write_v1(header, out);
    case ProxyVersion::v2:
      return write_v2(header, out);
  }
}

}  // namespace fairlead::wire
