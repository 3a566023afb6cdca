#pragma once
// The question and the answer of a dial-back: whoever answers holds the key of the session, and
// the nonce is new each time. Alone on a plain TCP connection it is the liveness dial; inside TLS, after a mutual
// handshake with ALPN fairlead-verify/1, it completes the full check. An agent is silent to a question with a wrong
// MAC: a scanner learns nothing.
//   rendezvous -> agent  request  F1 'F' 'L' 'V' | u8 version | session[16] | nonce[16] | MAC[32]
//   agent -> rendezvous  answer   F1 'F' 'L' 'A' | u8 version | MAC[32], over the nonce
// Here is only the layout; keys and verification are core::ChannelKeys. Pure functions, any thread.
#include <array>

#include "common/wire/alpn.h"
#include "common/wire/data_channel.h"

namespace fairlead::wire {

inline constexpr std::array<std::uint8_t, 4> kVerifyRequestMagic{0xF1, 'F', 'L', 'V'};
inline constexpr std::array<std::uint8_t, 4> kVerifyAnswerMagic{0xF1, 'F', 'L', 'A'};
inline constexpr std::size_t kVerifyRequestSize = 4 + 1 + 16 + 16 + 32;
inline constexpr std::size_t kVerifyAnswerSize = 4 + 1 + 32;

struct VerifyRequest {
  SessionId session{};
  Nonce nonce{};
  bool operator==(const VerifyRequest&) const = default;
};

struct VerifyAnswer {
  Mac mac{};
  bool operator==(const VerifyAnswer&) const = default;
};

// Malformed is verify_malformed.
Parsed<Signed<VerifyRequest>> parse_verify_request(ByteView in);
Parsed<VerifyAnswer> parse_verify_answer(ByteView in);

// All but the MAC.
void write_verify_request(const VerifyRequest& request, ByteWriter& out);
void write_verify_answer(const VerifyAnswer& answer, ByteWriter& out);

}  // namespace fairlead::wire
