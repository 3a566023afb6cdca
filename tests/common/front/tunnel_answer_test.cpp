#include "common/front/tunnel_answer.h"

#include "tests/support/codec_checks.h"

namespace fairlead::front {
namespace {

struct Row {
  Reason reason;
  int socks;
  int status;
  std::string_view error;
};
// The table that all tunnels share: no such name, nobody answers, not allowed, malformed.
constexpr Row kRows[] = {
    {Reason::unknown_name, 4, 404, "destination_not_found"},
    {Reason::no_endpoint, 5, 503, "destination_unavailable"},
    {Reason::connect_refused, 5, 503, "destination_unavailable"},
    {Reason::connection_lost, 5, 503, "destination_unavailable"},
    {Reason::policy_denied, 2, 403, "http_request_denied"},
    {Reason::tunnel_to_address, 2, 403, "http_request_denied"},
    {Reason::certificate_identity, 1, 502, "tls_certificate_error"},
    {Reason::memory_limit, 1, 503, "proxy_internal_error"},
    {Reason::socks_malformed, 1, 400, "http_request_error"},
    {Reason::socks_command, 7, 400, "http_request_error"},
    {Reason::socks_address_type, 8, 400, "http_request_error"},
    {Reason::tunnel_method, 1, 405, "http_request_denied"},
    {Reason::http_too_large, 1, 431, "http_request_error"},
    {Reason::http_ambiguous, 1, 400, "http_request_error"},
};

TEST_CASE("each refusal in both protocols") {
  for (const Row& row : kRows) {
    CAPTURE(reason_code(row.reason));
    const TunnelRefusal refusal = tunnel_refusal(row.reason);
    CHECK(static_cast<int>(refusal.reply) == row.socks);
    CHECK(refusal.status == row.status);
    CHECK(refusal.error == row.error);
    CHECK(tunnel_refused(TunnelWay::socks5, row.reason)[1] == row.socks);
  }
}

TEST_CASE("an HTTP answer holds the reason, for machines and for people") {
  const Bytes answer = tunnel_refused(TunnelWay::connect, Reason::unknown_name);
  const std::string_view text = as_text(answer);
  const auto body = text.find("\r\n\r\n") + 4;
  CHECK(
      text.starts_with("HTTP/1.1 404 Not Found\r\n"
                       "proxy-status: fairlead; error=destination_not_found; details=\"unknown_name\"\r\n"));
  CHECK(text.find("content-length: " + std::to_string(text.size() - body) + "\r\n") < body);
  CHECK(text.find("connection: close\r\n") < body);
  CHECK(text.substr(body).starts_with("unknown_name: no service has this name; "));
  const Bytes other = tunnel_refused(TunnelWay::connect, Reason::tunnel_method);
  CHECK(as_text(other).find("\r\nallow: CONNECT\r\n") != std::string_view::npos);
}

TEST_CASE("a tunnel that stands is announced without a length") {
  const Bytes accepted = tunnel_accepted(TunnelWay::connect);
  CHECK(as_text(accepted) == "HTTP/1.1 200 OK\r\n\r\n");
  CHECK(to_hex(tunnel_accepted(TunnelWay::socks5)) == "05000001000000000000");
}

}  // namespace
}  // namespace fairlead::front
