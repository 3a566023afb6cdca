#pragma once
// What a device without a certificate that counts and the rendezvous say to each other, inside TLS of ALPN
// fairlead-join/1. The device shows none; it has checked the server's chain against the key of its CA (of the token, or
// of the identity whose certificate has ended) before it says anything.
//   message  u16 length of what follows | u8 kind | fields
//   device -> rendezvous  request (1), or late renewal (4)
//   rendezvous -> device  joined (2) or refused (3), then the end of the stream
// Messages may grow behind their last field. DER blobs have two length bytes. Pure functions, any thread.
#include <string>
#include <variant>
#include <vector>

#include "common/base/byte_writer.h"
#include "common/base/bytes.h"
#include "common/wire/alpn.h"
#include "common/wire/join_token.h"
#include "common/wire/parsed.h"

namespace fairlead::wire {

inline constexpr std::size_t kMaxJoinRequest = 4096;  // with its length
inline constexpr std::size_t kMaxJoinAnswer = 65535;  // with its length
inline constexpr std::size_t kMaxCsr = 2048;          // a P-256 request has some 250 bytes
inline constexpr std::size_t kMaxJoinCertificate = 8192;
inline constexpr std::size_t kMaxJoinCertificates = 6;  // of the chain, and of the CA bundle

struct JoinRequest {
  JoinTokenId token{};
  JoinSecret secret{};
  std::string name;      // wanted: one label
  Bytes csr;             // PKCS #10 DER: proves possession of the key, its names are not read
  std::string software;  // for the log
  bool operator==(const JoinRequest&) const = default;
};

// A device slept past the end of its certificate. It is known by its key, which nobody else has.
struct LateRenewal {
  Bytes csr;             // as in JoinRequest
  std::string software;  // for the log
  bool operator==(const LateRenewal&) const = default;
};

using JoinQuestion = std::variant<JoinRequest, LateRenewal>;

struct Joined {
  std::vector<Bytes> chain;   // DER, the device's own first, without the root
  std::vector<Bytes> bundle;  // DER of the CAs to trust
  std::string trust_domain;
  std::string cluster;
  std::string name;                     // as it was given
  std::vector<std::string> rendezvous;  // HOST:PORT, as in agent.toml
  std::string rendezvous_id;            // as in agent.toml
  bool operator==(const Joined&) const = default;
};

struct JoinRefused {
  std::string code;  // a reason code: token_unknown, token_expired, token_used, name_taken, ...
  std::string text;  // one line for a person; may be empty
  bool operator==(const JoinRefused&) const = default;
};

using JoinAnswer = std::variant<Joined, JoinRefused>;

// Malformed is join_malformed.
Parsed<JoinQuestion> parse_join_question(ByteView in);
Parsed<JoinAnswer> parse_join_answer(ByteView in);

void write_join_question(const JoinQuestion& question, ByteWriter& out);
void write_join_answer(const JoinAnswer& answer, ByteWriter& out);

}  // namespace fairlead::wire
