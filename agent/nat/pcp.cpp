#include "agent/nat/pcp.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/base/byte_reader.h"

namespace fairlead::agent::nat {
namespace {

constexpr std::uint8_t kResponseBit = 0x80;  // §7.2, R
constexpr std::uint8_t kProtocolTcp = 6;
constexpr std::array<std::uint8_t, 12> kMappedPrefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

// IPv4 addresses travel v4-mapped (§5); "no IPv4 address" is ::ffff:0.0.0.0.
void write_address(const IpAddress& address, ByteWriter& out) {
  if (address.is_v4()) out.bytes(kMappedPrefix);
  out.bytes(address.bytes());
}

IpAddress read_address(ByteReader& in) {
  std::array<std::uint8_t, 16> bytes{};
  std::ranges::copy(in.bytes(bytes.size()), bytes.begin());
  return IpAddress::v6(bytes);
}

void write_header(PcpOpcode opcode, std::chrono::seconds lifetime, const IpAddress& client, ByteWriter& out) {
  out.u8(kPcpVersion);
  out.u8(static_cast<std::uint8_t>(opcode));
  out.u16(0);
  out.u32(static_cast<std::uint32_t>(lifetime.count()));
  write_address(client, out);
}

PcpMapping read_mapping(ByteReader& in) {
  PcpMapping out;
  std::ranges::copy(in.bytes(out.nonce.size()), out.nonce.begin());
  out.protocol = in.u8();
  in.skip(3);
  out.internal_port = in.u16();
  out.external.port = in.u16();
  out.external.ip = read_address(in);
  return out;
}

// Options follow the opcode's data, each padded to four bytes (§7.3). We asked for none; they only have to be well
// made.
bool skip_options(ByteReader& in) {
  while (in.ok() && !in.empty()) {
    in.skip(2);
    const std::size_t length = in.u16();
    in.skip((length + 3) / 4 * 4);
  }
  return in.ok();
}

GatewayFailure failure_of(PcpResult result) {
  switch (result) {
    case PcpResult::unsupp_version:
      return GatewayFailure::absent;
    case PcpResult::not_authorized:
      return GatewayFailure::refused;
    case PcpResult::network_failure:
      return GatewayFailure::wan_down;
    case PcpResult::no_resources:
    case PcpResult::user_ex_quota:
    case PcpResult::excessive_remote_peers:
      return GatewayFailure::exhausted;
    case PcpResult::cannot_provide_external:
      return GatewayFailure::conflict;
    case PcpResult::address_mismatch:
      return GatewayFailure::address_mismatch;
    default:
      return GatewayFailure::unsupported;
  }
}

}  // namespace

std::string_view pcp_result_name(PcpResult result) {
  constexpr std::string_view kNames[] = {
      "SUCCESS",       "UNSUPP_VERSION",          "NOT_AUTHORIZED",   "MALFORMED_REQUEST",     "UNSUPP_OPCODE",
      "UNSUPP_OPTION", "MALFORMED_OPTION",        "NETWORK_FAILURE",  "NO_RESOURCES",          "UNSUPP_PROTOCOL",
      "USER_EX_QUOTA", "CANNOT_PROVIDE_EXTERNAL", "ADDRESS_MISMATCH", "EXCESSIVE_REMOTE_PEERS"};
  const auto index = static_cast<std::size_t>(result);
  return index < std::size(kNames) ? kNames[index] : "UNKNOWN";
}

void write_pcp_announce(const IpAddress& client, ByteWriter& out) {
  write_header(PcpOpcode::announce, 0s, client, out);
}

void write_pcp_map(const IpAddress& client, const MapRequest& request, ByteWriter& out) {
  write_header(PcpOpcode::map, request.lifetime, client, out);
  const bool deletes = request.lifetime == 0s;
  const bool wished = !deletes && request.external.ip.is_v4() == client.is_v4();
  out.bytes(request.nonce);
  out.u8(kProtocolTcp);
  out.u8(0);
  out.u16(0);
  out.u16(request.internal_port);
  out.u16(deletes ? std::uint16_t{0} : request.external.port);
  write_address(wished ? request.external.ip : client.is_v4() ? IpAddress() : IpAddress::v6({}), out);
}

tl::expected<PcpResponse, PcpDefect> parse_pcp_response(ByteView datagram) {
  if (datagram.size() < 4) return tl::unexpected(PcpDefect::malformed);
  if ((datagram[1] & kResponseBit) == 0) return tl::unexpected(PcpDefect::malformed);
  if (datagram[0] != kPcpVersion) return tl::unexpected(PcpDefect::other_version);
  if (datagram.size() % 4 != 0 || datagram.size() > kPcpMaxMessage) return tl::unexpected(PcpDefect::malformed);

  ByteReader in(datagram);
  in.skip(1);
  const auto opcode = static_cast<std::uint8_t>(in.u8() & ~kResponseBit);
  in.skip(1);
  PcpResponse out{.opcode = static_cast<PcpOpcode>(opcode), .result = static_cast<PcpResult>(in.u8())};
  out.lifetime = in.u32();
  out.epoch = in.u32();
  in.skip(12);
  if (!in.ok() || (out.opcode != PcpOpcode::announce && out.opcode != PcpOpcode::map)) {
    return tl::unexpected(PcpDefect::malformed);
  }
  if (out.opcode == PcpOpcode::map) {
    // A server that did not understand the request may answer with the header alone (§8.2).
    if (in.rest().size() >= kPcpMapSize) {
      out.mapping = read_mapping(in);
    } else if (out.result == PcpResult::success || !in.empty()) {
      return tl::unexpected(PcpDefect::malformed);
    }
  }
  if (!skip_options(in)) return tl::unexpected(PcpDefect::malformed);
  return out;
}

std::optional<GatewayError> pcp_failure(const PcpResponse& response) {
  if (response.result == PcpResult::success) return std::nullopt;
  return GatewayError{failure_of(response.result), fmt::format("PCP result {}: {}", static_cast<int>(response.result),
                                                               pcp_result_name(response.result))};
}

Duration PcpRetransmission::next() {
  const Duration base = last_ == Duration::zero() ? kPcpFirstRetry : std::min(2 * last_, kPcpLongestRetry);
  const Duration tenth = base / 10;
  last_ = base - tenth +
          Duration(static_cast<Duration::rep>(rng_.below(2 * static_cast<std::uint64_t>(tenth.count()) + 1)));
  return last_;
}

}  // namespace fairlead::agent::nat
