#pragma once
// Checks the first bytes a service sends back: TLS 1.2 or later with authenticated encryption, or an alert; anything
// else is not relayed. Serves the relays of both programs. Pure; any thread. RFC 8446 §4.1.3, §5.1 and §6.
#include <cstddef>
#include <cstdint>

#include "common/base/bytes.h"
#include "common/wire/parsed.h"

namespace fairlead::wire {

// Bytes on the wire up to the end of the ServerHello: one full record and its header.
inline constexpr std::size_t kMaxServerFirst = 16 * 1024 + 5;
// Warnings ahead of the ServerHello (RFC 6066 §3 allows a server to warn with unrecognized_name and go on).
inline constexpr std::size_t kMaxServerWarnings = 4;

enum class ServerFirst {
  server_hello,  // or a HelloRetryRequest, which is one
  alert,         // a fatal one, or close_notify
};

// Decides at the last byte of the ServerHello message, or of the alert; `consumed` ends there, within the record.
//   service_not_tls   plaintext, or TLS that does not begin with a well-formed ServerHello
//   service_weak_tls  a version below TLS 1.2, or a suite without encryption or authentication, or an export suite
Parsed<ServerFirst> parse_server_first(ByteView in);

// True for the suites that must not be relayed: *_NULL_*, *_anon_*, *_EXPORT_*.
bool is_weak_suite(std::uint16_t suite);

// Whether bytes that parse_server_first refused are the greeting of a protocol in which the server speaks first: ssh
// (RFC 4253 §4.2), SMTP and FTP (RFC 5321 §4.2), POP3 (RFC 1939 §3), IMAP (RFC 9051 §7.1), MySQL (protocol version 10).
// Only advice for the reason code: it judges what happens to be at hand.
bool is_server_greeting(ByteView in);

}  // namespace fairlead::wire
