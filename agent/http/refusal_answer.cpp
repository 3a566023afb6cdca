#include "agent/http/refusal_answer.h"

#include <fmt/format.h>

#include "common/base/byte_writer.h"

namespace fairlead::agent {
namespace {

struct Words {
  std::string_view status;
  std::string_view error;  // RFC 9209 §2.3
};

Words words_of(Reason reason) {
  switch (reason) {
    case Reason::http_too_large:
      return {"431 Request Header Fields Too Large", "http_request_error"};
    case Reason::http_unserved:
      return {"501 Not Implemented", "http_request_error"};
    case Reason::service_not_http:
      return {"502 Bad Gateway", "http_protocol_error"};
    case Reason::service_unanswered:
      return {"502 Bad Gateway", "connection_terminated"};
    default:
      return {"400 Bad Request", "http_request_error"};
  }
}

}  // namespace

Bytes refusal_answer(Reason reason, std::string_view method) {
  const Words words = words_of(reason);
  const std::string body = fmt::format("{}: {}\n", reason_code(reason), reason_text(reason).cause);
  Bytes out;
  ByteWriter writer(out);
  writer.text(
      fmt::format("HTTP/1.1 {}\r\ncontent-type: text/plain\r\ncontent-length: {}\r\n"
                  "proxy-status: fairlead; error={}; details=\"{}\"\r\nconnection: close\r\n\r\n",
                  words.status, body.size(), words.error, reason_code(reason)));
  if (method != "HEAD") writer.text(body);
  return out;
}

}  // namespace fairlead::agent
