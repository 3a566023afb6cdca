#pragma once
// What the mapping machine wants of a gateway, whatever protocol it speaks: PCP, NAT-PMP and UPnP implement it. One
// client is one protocol at one uplink. One loop; the port mapper owns it and has at most one request under way per
// gateway (some routers fail on two).
//
// A callback comes exactly once per request, never from within the call that started it, and not at all after
// cancel() or destruction.
#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "agent/setting/config.h"
#include "common/base/result.h"
#include "common/base/time.h"

namespace fairlead::agent::nat {

using MappingNonce = std::array<std::uint8_t, 12>;  // RFC 6887 §11.1: the same for renewal and deletion

// The forwarding of one TCP port. Identical fields but lifetime and `external` renew it.
struct MapRequest {
  std::uint16_t internal_port = 0;
  SocketAddress external;           // wished; the address is only a hint for PCP (unspecified: none). Port never 0
  std::chrono::seconds lifetime{};  // 0: without end (UPnP alone)
  MappingNonce nonce{};
  std::string description;  // ASCII, at most 31 characters: longer ones break routers
  // It was granted to us before: what stands there for our client and port is ours, whatever it is called.
  bool remembered = false;
};

struct MapGrant {
  SocketAddress external;  // what the gateway says; its address may be a lie, private, or not said (unspecified)
  std::chrono::seconds lifetime{};     // granted; 0: without end
  std::optional<std::uint32_t> epoch;  // PCP and NAT-PMP: seconds since the gateway lost its state
};

// Why a gateway did not grant. The words of each protocol are folded into what the machine can do about it.
enum class GatewayFailure : std::uint8_t {
  absent,            // nobody answers this protocol (silence, ICMP unreachable, no IGD, unsupported version)
  late,              // it answered before, and now not in time
  refused,           // 606, NOT_AUTHORIZED: switched off or not for us
  conflict,          // 718, 501 of a device that is connected, CANNOT_PROVIDE_EXTERNAL: try another port
  foreign_mapping,   // the port is forwarded to somebody else: never overwritten, try another port
  only_permanent,    // 725: ask with lifetime 0
  lifetime_refused,  // 402 and its kin for this lifetime: ask with another
  same_port_only,    // 724: external port must equal the internal one
  exhausted,         // 728, NO_RESOURCES, USER_EX_QUOTA: no room; later
  wan_down,          // 501 "not connected", NETWORK_FAILURE: the gateway has no usable outside address itself
  address_mismatch,  // PCP 12: a NAT stands between us and this gateway
  unsupported,       // 727, UNSUPP_OPCODE and others that another try does not change
  broken,            // an answer that is no answer: bad XML, wrong length, over-long, off-link
};
std::string_view failure_name(GatewayFailure failure);  // snake_case
// The reason code that says what a failure means to a person.
Reason reason_of(GatewayFailure failure);

struct GatewayError {
  GatewayFailure failure = GatewayFailure::absent;
  std::string detail;  // "error 718: ConflictInMappingEntry"; printable ASCII, at most 200 characters
};

// What a gateway says of itself, for `probe` and for judging which NAT this is.
struct GatewayFacts {
  std::string version;                // "2", "0", "IGD 1", "IGD 2"
  std::string model;                  // printable ASCII, at most 80 characters
  std::optional<IpAddress> external;  // its outside address, as it says
  std::optional<std::uint32_t> epoch;
};

class GatewayClient {
 public:
  template <class T>
  using Callback = std::function<void(tl::expected<T, GatewayError>)>;

  virtual ~GatewayClient() = default;
  virtual MappingProtocol protocol() const = 0;
  // Is anybody there? `patience`: give up as absent after it, however long the protocol's own schedule is.
  virtual void look(Duration patience, Callback<GatewayFacts> done) = 0;
  // Never overwrites a mapping of somebody else; one that is ours from an earlier life is adopted.
  virtual void map(const MapRequest& request, Callback<MapGrant> done) = 0;
  // Removes it: by the same tuple and nonce. Success also when it is not there.
  virtual void unmap(const MapRequest& request, Callback<MapGrant> done) = 0;
  virtual void cancel() = 0;  // the request under way, if any
};

}  // namespace fairlead::agent::nat
