#pragma once
// What travels on a data channel before the payload, big-endian:
//   agent -> rendezvous, at once:  ticket  F1 'F' 'L' 'D' | u8 version | session[16] | u64 counter | MAC[32]
//   rendezvous -> agent, on take:  header  u8 version | u16 length of what follows | fields | MAC[32], then the
//   ClientHello agent -> rendezvous, ahead of the service's bytes:  answer  u8 version | u16 length | verdict, code |
//   MAC[32]
// Here is only the layout; keys and verification are core::ChannelKeys. Header and answer may grow between their last
// field and the MAC. Pure functions, any thread.
#include <cstdint>
#include <string>

#include "common/base/byte_writer.h"
#include "common/base/ip.h"
#include "common/wire/ids.h"
#include "common/wire/parsed.h"

namespace fairlead::wire {

inline constexpr std::uint8_t kDataChannelVersion = 1;
inline constexpr std::size_t kTicketSize = 4 + 1 + 16 + 8 + 32;
inline constexpr std::size_t kFrameHead = 3;     // version and length of header and answer
inline constexpr std::size_t kMaxHeader = 2048;  // whole header, MAC included
inline constexpr std::size_t kMaxAnswer = 512;   // whole answer, MAC included
inline constexpr std::size_t kMaxAnswerCode = 40;
inline constexpr std::uint32_t kMaxChannelHello = 64 * 1024;  // the ClientHello behind a header

struct Ticket {
  SessionId session{};
  std::uint64_t counter = 0;
  bool operator==(const Ticket&) const = default;
};

struct ChannelHeader {
  SessionId session{};  // session and counter are the ticket's: they tie the header to this very channel
  std::uint64_t counter = 0;
  Nonce nonce{};
  ConnectionId connection{};
  SocketAddress caller;  // the rendezvous's word, never authentication
  std::string service;   // "web.home"
  std::string sni;       // as the client sent it
  std::uint32_t hello_length = 0;
  std::array<std::uint8_t, 32> hello_sha256{};
  bool operator==(const ChannelHeader&) const = default;
};

enum class Verdict : std::uint8_t { accepted = 0, refused = 1 };
struct ChannelAnswer {
  Verdict verdict = Verdict::accepted;
  std::string code;  // a reason code when refused, else empty
  bool operator==(const ChannelAnswer&) const = default;
};

// A parsed but not yet verified message: what it says, which bytes its MAC covers, and the MAC. `covered` points into
// the parsed input.
template <class T>
struct Signed {
  T fields;
  ByteView covered;
  Mac mac{};
};

// Malformed with ticket_malformed, header_malformed, answer_malformed. `consumed` is the whole message with its MAC.
Parsed<Signed<Ticket>> parse_ticket(ByteView in);
Parsed<Signed<ChannelHeader>> parse_channel_header(ByteView in);
Parsed<Signed<ChannelAnswer>> parse_channel_answer(ByteView in);

// Write all but the MAC: what the MAC must cover. Lengths already count the MAC.
void write_ticket(const Ticket& ticket, ByteWriter& out);
void write_channel_header(const ChannelHeader& header, ByteWriter& out);
void write_channel_answer(const ChannelAnswer& answer, ByteWriter& out);

}  // namespace fairlead::wire
