#include "agent/http/answer_rewrite.h"

#include "agent/http/refusal_answer.h"
#include "tests/support/codec_checks.h"

namespace fairlead::agent {
namespace {

Result<ForwardedAnswer> rewritten(std::string_view text, const ForwardedRequest& request,
                                  BodySent sent = BodySent::not_begun) {
  const auto parsed = http::parse_response_head(as_bytes(text));
  const auto* done = std::get_if<wire::Done<http::ResponseHead>>(&parsed);
  REQUIRE(done != nullptr);
  return rewrite_answer(done->value, request, sent);
}

const ForwardedRequest kGet{.head = {}, .framing = {}, .method = "GET", .persists = true};

TEST_CASE("fields of one connection stay on it") {
  const auto answer = rewritten(
      "HTTP/1.1 200 Fine\r\nSet-Cookie: a\r\nConnection: X-Mine\r\nX-Mine: 1\r\nKeep-Alive: 5\r\nSet-Cookie: b\r\n"
      "Upgrade: h2\r\nContent-Length: 007\r\nX-Forwarded-For: kept\r\n\r\n",
      kGet);
  CHECK(as_text(answer->head) ==
        "HTTP/1.1 200 Fine\r\nSet-Cookie: a\r\nSet-Cookie: b\r\nX-Forwarded-For: kept\r\ncontent-length: 7\r\n\r\n");
  CHECK(answer->persists);
}

TEST_CASE("what small servers write leaves in order") {
  const auto answer = rewritten("HTTP/1.1 200\nContent-Length: 5\nContent-Length: 5\nX: y\n\n", kGet);
  CHECK(as_text(answer->head) == "HTTP/1.1 200 \r\nX: y\r\ncontent-length: 5\r\n\r\n");
}

TEST_CASE("whether the connection goes on") {
  CHECK_FALSE(rewritten("HTTP/1.1 200 OK\r\n\r\n", kGet)->persists);
  CHECK_FALSE(rewritten("HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n", kGet)->persists);
  CHECK_FALSE(rewritten("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\n", kGet)->persists);
  ForwardedRequest last = kGet;
  last.persists = false;
  CHECK_FALSE(rewritten("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n", last)->persists);
  ForwardedRequest waiting = kGet;
  waiting.expects_continue = true;
  CHECK_FALSE(rewritten("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n", waiting)->persists);
  CHECK(rewritten("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n", waiting, BodySent::begun)->persists);
  CHECK(as_text(rewritten("HTTP/1.1 100 Continue\r\n\r\n", waiting)->head) == "HTTP/1.1 100 Continue\r\n\r\n");
}

TEST_CASE("our own answers") {
  const Bytes whole = refusal_answer(Reason::http_ambiguous, "GET");
  const auto parsed = http::parse_response_head(whole);
  const auto& done = std::get<wire::Done<http::ResponseHead>>(parsed);
  CHECK(done.value.status == 400);
  CHECK(http::find_field(done.value.fields, "proxy-status").value ==
        "fairlead; error=http_request_error; details=\"http_ambiguous\"");
  CHECK(http::response_framing(done.value, "GET", 1)->length == whole.size() - done.consumed);
  CHECK(refusal_answer(Reason::http_ambiguous, "HEAD").size() == done.consumed);
  CHECK(as_text(refusal_answer(Reason::http_too_large, "")).starts_with("HTTP/1.1 431 "));
  CHECK(as_text(refusal_answer(Reason::http_unserved, "")).starts_with("HTTP/1.1 501 "));
  CHECK(as_text(refusal_answer(Reason::service_unanswered, "")).find("connection_terminated") !=
        std::string_view::npos);
}

}  // namespace
}  // namespace fairlead::agent
