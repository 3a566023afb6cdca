#pragma once
// Where a message's body ends (RFC 9112 §6), and what its connection is to become. Stricter than the RFC: one length,
// written in digits, or chunks and nothing else; whatever two readers could measure differently is http_ambiguous.
// Pure; any thread.
#include <cstdint>

#include "common/base/result.h"
#include "common/http/head.h"

namespace fairlead::http {

struct Framing {
  enum class Kind : std::uint8_t {
    none,       // no byte of a body follows
    length,     // `length` bytes, at least one
    chunked,    // RFC 9112 §7.1
    until_end,  // of the stream; responses alone
  };
  Kind kind = Kind::none;
  std::uint64_t length = 0;
  bool operator==(const Framing&) const = default;
};

Result<Framing> request_framing(const RequestHead& head);
// Of the answer to a request with this method and version; 101 is none. Equal lengths may stand there several times.
Result<Framing> response_framing(const ResponseHead& head, std::string_view method, int request_minor);

// Whether the sender means to go on with the connection after this message. HTTP/1.0 connections never persist here.
bool persists(int minor, const Fields& fields);

// Names that decide about the framing, also where a reader takes '_' for '-'.
bool is_framing_name(std::string_view name);

}  // namespace fairlead::http
