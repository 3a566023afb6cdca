#pragma once
// The first handshake message of a TLS stream in clear, put together from the records it was cut into. Serves
// client_hello and server_hello only. RFC 8446 §4 (message header), §5.1 (records).
#include <cstddef>
#include <cstdint>

#include "common/base/bytes.h"
#include "common/wire/parsed.h"

namespace fairlead::wire {

inline constexpr std::size_t kTlsRecordHeader = 5;
inline constexpr std::size_t kMaxTlsPlaintext = 16 * 1024;
// A message cut into more records is refused: walking them again at each read must stay cheap.
inline constexpr std::size_t kMaxHandshakeRecords = 64;

enum class AfterMessage {
  nothing,   // the last record ends with the message: a client has nothing more to say yet
  anything,  // more messages may share the record: a server's flight
};

struct HandshakeRules {
  std::uint8_t type;           // of the message
  std::uint8_t highest_minor;  // of the record version; 0 is SSL 3.0, 4 is TLS 1.3
  AfterMessage after;
  std::size_t limit;  // input bytes up to the end of the message, record headers included
  Reason not_tls;     // the stream cannot be TLS
  Reason malformed;
  Reason too_long;
};

// The message's body, without its four-byte header.
Parsed<Bytes> collect_handshake(ByteView in, const HandshakeRules& rules);

}  // namespace fairlead::wire
