#include "common/front/tunnel_answer.h"

#include <fmt/format.h>

#include "common/base/certificate_reason.h"

namespace fairlead::front {
namespace {

using wire::SocksReply;

constexpr TunnelRefusal kNoSuchName{SocksReply::host_unreachable, 404, "destination_not_found"};
constexpr TunnelRefusal kNobodyAnswers{SocksReply::refused, 503, "destination_unavailable"};
constexpr TunnelRefusal kNotAllowed{SocksReply::not_allowed, 403, "http_request_denied"};
constexpr TunnelRefusal kSomebodyElse{SocksReply::failure, 502, "tls_certificate_error"};
constexpr TunnelRefusal kNoRoom{SocksReply::failure, 503, "proxy_internal_error"};
constexpr TunnelRefusal kMalformed{SocksReply::failure, 400, "http_request_error"};

std::string_view status_text(int status) {
  switch (status) {
    case 400:
      return "Bad Request";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 431:
      return "Request Header Fields Too Large";
    case 502:
      return "Bad Gateway";
    default:
      return "Service Unavailable";
  }
}

Bytes bytes_of(std::string_view text) {
  const ByteView view = as_bytes(text);
  return {view.begin(), view.end()};
}

Bytes http_refusal(Reason reason) {
  const TunnelRefusal refusal = tunnel_refusal(reason);
  const ReasonText& text = reason_text(reason);
  const std::string body = fmt::format("{}: {}; {}\n", reason_code(reason), text.cause, text.next_step);
  return bytes_of(
      fmt::format("HTTP/1.1 {} {}\r\n"
                  "proxy-status: fairlead; error={}; details=\"{}\"\r\n{}"
                  "content-type: text/plain; charset=utf-8\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{}",
                  refusal.status, status_text(refusal.status), refusal.error, reason_code(reason),
                  refusal.status == 405 ? "allow: CONNECT\r\n" : "", body.size(), body));
}

Bytes socks_reply(SocksReply reply) {
  Bytes out;
  ByteWriter writer(out);
  wire::write_socks_reply(reply, writer);
  return out;
}

}  // namespace

std::string_view way_name(TunnelWay way) {
  return way == TunnelWay::socks5 ? "socks5" : "connect";
}

TunnelRefusal tunnel_refusal(Reason reason) {
  switch (reason) {
    case Reason::unknown_name:
      return kNoSuchName;
    case Reason::tunnel_to_address:
    case Reason::policy_denied:
    case Reason::source_denied:
    case Reason::caller_denied:
      return kNotAllowed;
    case Reason::handshake_failed:
      return kSomebodyElse;
    case Reason::agent_busy:
    case Reason::memory_limit:
      return kNoRoom;
    case Reason::socks_malformed:
    case Reason::http_malformed:
    case Reason::http_ambiguous:
    case Reason::http_unserved:
      return kMalformed;
    case Reason::socks_command:
      return {SocksReply::command_not_supported, 400, "http_request_error"};
    case Reason::socks_address_type:
      return {SocksReply::address_type_not_supported, 400, "http_request_error"};
    case Reason::tunnel_method:
      return {SocksReply::failure, 405, "http_request_denied"};
    case Reason::http_too_large:
    case Reason::classify_too_long:
      return {SocksReply::failure, 431, "http_request_error"};
    default:
      return is_about_certificate(reason) ? kSomebodyElse : kNobodyAnswers;
  }
}

// RFC 9110 §9.3.6: neither a length nor a transfer coding; what follows belongs to the tunnel.
Bytes tunnel_accepted(TunnelWay way) {
  return way == TunnelWay::socks5 ? socks_reply(SocksReply::succeeded) : bytes_of("HTTP/1.1 200 OK\r\n\r\n");
}

Bytes tunnel_refused(TunnelWay way, Reason reason) {
  return way == TunnelWay::socks5 ? socks_reply(tunnel_refusal(reason).reply) : http_refusal(reason);
}

}  // namespace fairlead::front
