#pragma once
// Port Control Protocol messages (RFC 6887): what the PCP client sends and what gateways answer or announce. Pure; any
// thread. One datagram is one message, so there is no "need more".
#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "agent/nat/gateway_client.h"
#include "common/base/byte_writer.h"
#include "common/base/bytes.h"
#include "common/base/random.h"

namespace fairlead::agent::nat {

inline constexpr std::uint16_t kPcpPort = 5351;      // RFC 6887 §19.1, also NAT-PMP's
inline constexpr std::uint8_t kPcpVersion = 2;       // §7.1
inline constexpr std::size_t kPcpMaxMessage = 1100;  // §7
inline constexpr std::size_t kPcpHeaderSize = 24;    // §7.1, §7.2
inline constexpr std::size_t kPcpMapSize = 36;       // §11.1
inline constexpr Duration kPcpFirstRetry = 3s;       // IRT, §8.1.1
inline constexpr Duration kPcpLongestRetry = 1024s;  // MRT, §8.1.1

enum class PcpOpcode : std::uint8_t { announce = 0, map = 1 };

// §7.4
enum class PcpResult : std::uint8_t {
  success = 0,
  unsupp_version = 1,
  not_authorized = 2,
  malformed_request = 3,
  unsupp_opcode = 4,
  unsupp_option = 5,
  malformed_option = 6,
  network_failure = 7,
  no_resources = 8,
  unsupp_protocol = 9,
  user_ex_quota = 10,
  cannot_provide_external = 11,
  address_mismatch = 12,
  excessive_remote_peers = 13,
};
std::string_view pcp_result_name(PcpResult result);  // as in the RFC; unknown ones: "UNKNOWN"

struct PcpMapping {
  MappingNonce nonce{};
  std::uint8_t protocol = 0;  // 6: TCP
  std::uint16_t internal_port = 0;
  SocketAddress external;
  bool operator==(const PcpMapping&) const = default;
};

struct PcpResponse {
  PcpOpcode opcode = PcpOpcode::announce;
  PcpResult result = PcpResult::success;
  std::uint32_t lifetime = 0;  // of the mapping, or how long an error will last; seconds
  std::uint32_t epoch = 0;
  std::optional<PcpMapping> mapping;  // present in every MAP response but, perhaps, one that says why not
  bool operator==(const PcpResponse&) const = default;
};

enum class PcpDefect {
  other_version,  // a response of NAT-PMP (version 0), or of a later PCP
  malformed,
};

void write_pcp_announce(const IpAddress& client, ByteWriter& out);
// lifetime 0 deletes: then the wished external address and port are zero (§15.1).
void write_pcp_map(const IpAddress& client, const MapRequest& request, ByteWriter& out);

tl::expected<PcpResponse, PcpDefect> parse_pcp_response(ByteView datagram);

// What a MAP's answer means; success: nothing.
std::optional<GatewayError> pcp_failure(const PcpResponse& response);

// When to send again, §8.1.1: RT = (1 + RAND) * IRT, then (1 + RAND) * min(2 * RT, MRT), RAND in [-0.1, 0.1].
class PcpRetransmission {
 public:
  explicit PcpRetransmission(Rng& rng) : rng_(rng) {}
  Duration next();
  void restart() { last_ = {}; }

 private:
  Rng& rng_;
  Duration last_{};
};

}  // namespace fairlead::agent::nat
