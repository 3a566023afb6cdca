#pragma once
// HTTP/1.1 as the admin socket needs it: requests without a body, answers with a Content-Length, one of each per
// connection. Serves the admin servers and the command line. Pure; any thread. RFC 9112; stricter where it may be.
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/byte_writer.h"
#include "common/base/bytes.h"
#include "common/wire/parsed.h"

namespace fairlead::wire {

inline constexpr std::size_t kMaxHttpHead = 8 * 1024;
inline constexpr std::size_t kMaxHttpBody = 64 * 1024 * 1024;

struct HttpRequest {
  std::string method;
  std::string path;                                        // as sent, without the query; begins with '/'
  std::vector<std::pair<std::string, std::string>> query;  // percent-decoded, in order; '+' is a plus

  bool operator==(const HttpRequest&) const = default;
};
struct HttpResponse {
  int status = 0;
  std::string body;

  bool operator==(const HttpResponse&) const = default;
};

// Up to the blank line. A request that announces a body, or is not HTTP/1.1, is Malformed{http_malformed}.
Parsed<HttpRequest> parse_http_request(ByteView in);
// `path_and_query` is written as it is: encode its parts with percent_encode.
void write_http_request(std::string_view method, std::string_view path_and_query, ByteWriter& out);

// Done when Content-Length bytes are there; an answer without Content-Length is Malformed{http_malformed}.
Parsed<HttpResponse> parse_http_response(ByteView in);
void write_http_response(int status, std::string_view content_type, std::string_view body, ByteWriter& out);

// RFC 3986 §2.3: everything but letters, digits and -._~ becomes %XX.
std::string percent_encode(std::string_view text);

}  // namespace fairlead::wire
