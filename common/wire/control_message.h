#pragma once
// Messages of the control channel between agent and rendezvous,
// big-endian:
//   u16 type (top bit: critical) | u32 payload length | payload
// Growth: a known message may carry more bytes than we know, they are ignored; an unknown type is skipped unless its
// sender marked it critical. So a server serves agents of older and newer minor versions. A field is only ever
// appended. Parsed values own their data. Pure functions, any thread.
#include <chrono>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "common/base/byte_writer.h"
#include "common/base/ip.h"
#include "common/base/reason.h"
#include "common/wire/ids.h"
#include "common/wire/parsed.h"

namespace fairlead::wire {

inline constexpr std::uint16_t kControlVersion = 1;        // what this program speaks
inline constexpr std::uint16_t kOldestControlVersion = 1;  // what it still serves
inline constexpr std::size_t kControlHead = 6;
inline constexpr std::size_t kMaxControlMessage = 64 * 1024;  // head included
inline constexpr std::size_t kMaxText = 255;                  // any string
inline constexpr std::size_t kMaxReasonCode = 40;
inline constexpr std::size_t kMaxListEntries = 64;
inline constexpr std::uint16_t kCriticalBit = 0x8000;
// Bits of `features`.
inline constexpr std::uint64_t kFeatureRenewal = 1;  // of an agent: it may ask; of a welcome: it will be answered

// Numbers are never reused. Those without a struct below are reserved: they reach us as Skipped or, critical, as an
// error.
enum class MessageType : std::uint16_t {
  hello = 1,
  welcome = 2,
  register_service = 3,
  registered = 4,
  refused = 5,
  unregister = 6,
  open_channels = 7,
  pool_size = 8,
  ping = 9,
  pong = 10,
  drain = 11,
  endpoint_candidate = 16,
  verify_nonce = 17,
  verified = 18,
  candidate_withdrawn = 19,
  relay_ended = 20,
  server_list = 24,
  config_push = 25,
  lookup = 26,
  renew = 28,
  renewed = 29,
};

// Agent -> rendezvous, first and once. What an agent says of itself is a wish: policy decides by its certificate.
struct Hello {
  std::uint16_t version = kControlVersion;
  std::uint64_t features = 0;
  std::string software;  // "fairlead-agent 0.1.0"
  std::string endpoint;
  std::string cluster;
  BootId boot_id{};
  std::uint64_t counter = 0;  // grows with each session of one boot
  std::uint16_t pool_min = 1;
  std::uint16_t pool_max = 32;
  bool operator==(const Hello&) const = default;
};

// Rendezvous -> agent: the session stands.
struct Welcome {
  std::uint16_t version = kControlVersion;  // the lower of both sides' versions
  std::uint64_t features = 0;               // what both sides have
  InstanceId instance_id{};
  SessionId session_id{};
  SessionKey key{};
  std::vector<SocketAddress> data_addresses;  // empty: the control connection's own peer
  SocketAddress address_seen;
  std::int64_t server_time = 0;  // Unix seconds
  std::uint32_t ping_interval_ms = 25'000;
  std::uint32_t answer_timeout_ms = 2'000;
  std::uint16_t services_max = 64;
  std::string trust_domain;          // empty: not said
  std::vector<std::string> domains;  // web.home.DOMAIN is web.home, at the agent's own listener as well
  bool operator==(const Welcome&) const = default;
};

struct Register {
  std::uint32_t claim = 0;  // the agent's number for this registration, not 0; again: replaces what it stands for
  std::string service;      // "web": SERVICE without the cluster, which hello said
  std::string host;         // mesh host, or empty
  std::uint16_t port = 0;
  std::vector<std::string> sni;
  std::vector<std::string> subsets;
  bool operator==(const Register&) const = default;
};

// Sent when every worker can see the service.
struct Registered {
  std::uint32_t claim = 0;
  std::string service;  // "web.home"
  std::vector<std::string> public_addresses;
  std::vector<std::string> sources;  // CIDRs that may connect; the agent's own listener applies them too
  std::uint16_t pool_size = 0;
  // What of the wish it lives without: host and sni names, and the reason code of each at the same place.
  std::vector<std::string> refused_names;
  std::vector<std::string> refused_reasons;
  bool operator==(const Registered&) const = default;
};

struct Refused {
  std::uint32_t claim = 0;  // 0: the session itself, which ends with this message
  std::string code;         // a reason code; a newer peer may know codes that we do not
  std::uint32_t retry_after_s = 0;
  std::string detail;
  bool operator==(const Refused&) const = default;
};

struct Unregister {
  std::uint32_t claim = 0;
  std::string code;
  bool operator==(const Unregister&) const = default;
};

struct OpenChannels {
  std::uint16_t count = 0;
  bool operator==(const OpenChannels&) const = default;
};
struct PoolSize {
  std::uint16_t size = 0;
  bool operator==(const PoolSize&) const = default;
};
struct Ping {
  std::uint64_t id = 0;
  bool operator==(const Ping&) const = default;
};
struct Pong {
  std::uint64_t id = 0;
  bool operator==(const Pong&) const = default;
};
struct Drain {
  std::uint32_t within_ms = 0;
  bool operator==(const Drain&) const = default;
};
// Agent -> rendezvous: dial me back here, and publish it if that works. Again with the same number: this address takes
// the earlier one's place, and is dialled afresh.
struct EndpointCandidate {
  std::uint32_t candidate = 0;  // the agent's number for it, not 0
  SocketAddress address;
  std::string method;  // "pcp", "nat_pmp", "upnp", "host": only for people who read status
  bool operator==(const EndpointCandidate&) const = default;
};
// Rendezvous -> agent: the address is not the one that you are seen from. Connect from that very address (ALPN
// fairlead-verify/1) and send this.
struct VerifyNonce {
  std::uint32_t candidate = 0;
  Nonce nonce{};
  bool operator==(const VerifyNonce&) const = default;
};
// Rendezvous -> agent: how a candidate stands from now on.
struct Verified {
  std::uint32_t candidate = 0;
  std::string code;  // empty: reachable and published; else a reason code, and it is not published (any more)
  bool operator==(const Verified&) const = default;
};
// Agent -> rendezvous: the address is gone.
struct CandidateWithdrawn {
  std::uint32_t candidate = 0;
  std::string code;
  bool operator==(const CandidateWithdrawn&) const = default;
};
// Both ways: why a relayed connection ended, from the side that decided it, to the side that saw no more than an end
// (core/end_words.h). May come before the end itself does.
struct RelayEnded {
  ConnectionId connection{};
  std::string code;
  bool operator==(const RelayEnded&) const = default;
};
// Agent -> rendezvous: the session's identity once more, for the key that has it. One at a time.
struct Renew {
  Bytes csr;  // PKCS #10 DER: proves possession of the key, its names are not read
  bool operator==(const Renew&) const = default;
};
// Rendezvous -> agent: the answer.
struct Renewed {
  std::string code;  // empty: here it is; else a reason code, and no certificates
  std::uint32_t retry_after_s = 0;
  std::vector<Bytes> chain;   // DER, the agent's own first, without the root
  std::vector<Bytes> bundle;  // DER of the CAs that the server trusts
  bool operator==(const Renewed&) const = default;
};
Renewed renewal_refused(Reason reason, std::chrono::seconds retry_after);
// Whether chain and bundle are within their limits (those of join.h) and those of a message.
bool is_sendable(const Renewed& answer);
// A message of an unknown type that its sender allows us to pass over.
struct Skipped {
  std::uint16_t type = 0;
  bool operator==(const Skipped&) const = default;
};

using ControlMessage =
    std::variant<Hello, Welcome, Register, Registered, Refused, Unregister, OpenChannels, PoolSize, Ping, Pong, Drain,
                 EndpointCandidate, VerifyNonce, Verified, CandidateWithdrawn, RelayEnded, Renew, Renewed, Skipped>;

// Malformed is always protocol_error. Decides by the head alone where it can: a length above the limit is refused at
// once.
Parsed<ControlMessage> parse_control_message(ByteView in);
// Values beyond the limits above are our own bug, except human text (software, detail), which is cut. Skipped is never
// written.
void write_control_message(const ControlMessage& message, ByteWriter& out);

}  // namespace fairlead::wire
