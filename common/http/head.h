#pragma once
// The head of an HTTP/1.1 message: start line and fields, up to the blank line (RFC 9112 §2 to §5). Strict: what two
// readers could read differently is refused, even where the RFC lets a server be lenient. Pure; any thread.
//
// Serves who forwards requests (agent/http) and who opens tunnels by them. Views point into `in`, which the caller
// keeps. The answer does not depend on how the bytes were cut; a refusal comes at the byte that decides.
//
//   http_ambiguous   a bare CR or LF, a folded line, white space in front of a colon
//   http_too_large   no blank line within kMaxHead bytes, more than kMaxFields fields
//   http_unserved    a version that is neither 1.0 nor 1.1
//   http_malformed   everything else
#include <cstddef>
#include <string_view>

#include "common/base/bytes.h"
#include "common/http/fields.h"
#include "common/wire/parsed.h"

namespace fairlead::http {

inline constexpr std::size_t kMaxHead = 16 * 1024;  // as much as node and HAProxy read
inline constexpr std::size_t kMaxFields = 100;
inline constexpr std::size_t kMaxMethod = 24;
inline constexpr std::size_t kMaxTrailers = 4 * 1024;

struct RequestHead {
  std::string_view method;
  std::string_view target;  // visible ASCII without '#'; its form is target.h's to judge
  int minor = 1;            // HTTP/1.0 or HTTP/1.1
  Fields fields;
  bool operator==(const RequestHead&) const = default;
};
struct ResponseHead {
  int minor = 1;
  int status = 200;         // 100 to 999
  std::string_view reason;  // may be empty
  Fields fields;
  bool operator==(const ResponseHead&) const = default;
};

wire::Parsed<RequestHead> parse_request_head(ByteView in);
// Lines may end in a bare LF, and the space in front of an empty reason may be missing: many small servers write so.
wire::Parsed<ResponseHead> parse_response_head(ByteView in);
// What stands behind the last chunk: fields, and a blank line; kMaxTrailers at most.
wire::Parsed<Fields> parse_trailers(ByteView in);

}  // namespace fairlead::http
