#include "common/tls/session_state.h"

#include <algorithm>

#include "common/base/byte_reader.h"
#include "common/base/byte_writer.h"

namespace fairlead::tls {
namespace {

constexpr std::int64_t kMaxUnixTime = 253402300799;  // 9999-12-31T23:59:59Z, the last that X.509 can write

void write_time(ByteWriter& out, WallTime time) {
  out.u64(static_cast<std::uint64_t>(time.time_since_epoch().count()));
}

WallTime read_time(ByteReader& in, bool& valid) {
  const std::uint64_t seconds = in.u64();
  valid = valid && seconds <= static_cast<std::uint64_t>(kMaxUnixTime);
  return valid ? WallTime(std::chrono::seconds(static_cast<std::int64_t>(seconds))) : WallTime();
}

void read_digest(ByteReader& in, Digest& out) {
  const ByteView raw = in.bytes(out.size());
  if (in.ok()) std::ranges::copy(raw, out.begin());
}

void read_ip(ByteView raw, std::vector<IpAddress>& out, bool& valid) {
  std::array<std::uint8_t, 4> v4{};
  std::array<std::uint8_t, 16> v6{};
  if (raw.size() == v4.size()) {
    std::ranges::copy(raw, v4.begin());
    out.push_back(IpAddress::v4(v4));
  } else if (raw.size() == v6.size()) {
    std::ranges::copy(raw, v6.begin());
    out.push_back(IpAddress::v6(v6));
  }
  // A mapped address would have been written as IPv4.
  valid = valid && !out.empty() && out.back().bytes().size() == raw.size();
}

void read_names(ByteReader& in, PeerIdentity& peer, bool& valid) {
  for (std::uint8_t left = in.u8(); left > 0 && in.ok(); --left) peer.dns_names.emplace_back(as_text(in.bytes16()));
  for (std::uint8_t left = in.u8(); left > 0 && in.ok(); --left) read_ip(in.bytes8(), peer.ip_addresses, valid);
}

}  // namespace

Bytes write_session_state(const SessionState& state) {
  Bytes content;
  ByteWriter out(content);
  out.u8(kSessionStateVersion);
  write_time(out, state.issued);
  out.bytes(state.ca_hash);
  out.bytes(state.local_leaf);
  write_time(out, state.peer.not_after);
  out.bytes(state.peer.leaf_hash);
  out.bytes16(as_bytes(state.peer.spiffe_id));
  out.u8(static_cast<std::uint8_t>(state.peer.dns_names.size()));  // at most kMaxSanNames
  for (const std::string& name : state.peer.dns_names) out.bytes16(as_bytes(name));
  out.u8(static_cast<std::uint8_t>(state.peer.ip_addresses.size()));
  for (const IpAddress& ip : state.peer.ip_addresses) out.bytes8(ip.bytes());
  out.bytes8(as_bytes(state.peer.common_name));
  out.bytes16(state.tls);
  return content;
}

std::optional<SessionState> parse_session_state(ByteView content) {
  ByteReader in(content);
  if (in.u8() != kSessionStateVersion) return std::nullopt;
  SessionState state;
  bool valid = true;
  state.issued = read_time(in, valid);
  read_digest(in, state.ca_hash);
  read_digest(in, state.local_leaf);
  state.peer.not_after = read_time(in, valid);
  read_digest(in, state.peer.leaf_hash);
  state.peer.spiffe_id = as_text(in.bytes16());
  read_names(in, state.peer, valid);
  state.peer.common_name = as_text(in.bytes8());
  const ByteView tls = in.bytes16();
  state.tls.assign(tls.begin(), tls.end());
  if (!in.finished() || !valid) return std::nullopt;
  return state;
}

ResumptionRefused judge_session(const SessionState& state, const Digest& ca_hash, WallTime now) {
  if (state.ca_hash != ca_hash) return ResumptionRefused::ca_changed;
  if (now >= state.peer.not_after) return ResumptionRefused::expired;
  if (now - state.issued >= kMaxTicketLifetime || state.issued - now > kClockSlack) return ResumptionRefused::too_old;
  return ResumptionRefused::none;
}

}  // namespace fairlead::tls
