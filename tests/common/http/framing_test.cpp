#include "common/http/framing.h"

#include "tests/support/codec_checks.h"

namespace fairlead::http {
namespace {

using Kind = Framing::Kind;

Result<Framing> of_request(Fields fields, int minor = 1) {
  return request_framing({.method = "POST", .target = "/", .minor = minor, .fields = std::move(fields)});
}
Result<Framing> of_response(int status, Fields fields, std::string_view method = "GET", int request_minor = 1) {
  return response_framing({.minor = 1, .status = status, .reason = "", .fields = std::move(fields)}, method,
                          request_minor);
}

TEST_CASE("where a request's body ends") {
  CHECK(of_request({}) == Framing{});
  CHECK(of_request({{"Content-Length", "0"}}) == Framing{});
  CHECK(of_request({{"content-LENGTH", "12"}}) == Framing{Kind::length, 12});
  CHECK(of_request({{"Content-Length", "999999999999999999"}}) == Framing{Kind::length, 999999999999999999});
  CHECK(of_request({{"Transfer-Encoding", "chunked"}}) == Framing{Kind::chunked, 0});
  CHECK(of_request({{"Transfer-Encoding", "CHUNKED"}}) == Framing{Kind::chunked, 0});
}

TEST_CASE("what two readers could measure differently") {
  const std::vector<Fields> tries{{{"Content-Length", "1"}, {"Transfer-Encoding", "chunked"}},
                                  {{"Transfer-Encoding", "chunked"}, {"Content-Length", "0"}},
                                  {{"Content-Length", "1"}, {"Content-Length", "2"}},
                                  {{"Content-Length", "1"}, {"Content-Length", "1"}},
                                  {{"Content-Length", "1, 1"}},
                                  {{"Content-Length", "+1"}},
                                  {{"Content-Length", "-1"}},
                                  {{"Content-Length", "0x1"}},
                                  {{"Content-Length", "1 "}, {"Content-Length", ""}},
                                  {{"Content-Length", ""}},
                                  {{"Content-Length", "1 0"}},
                                  {{"Content-Length", "1e1"}},
                                  {{"Content-Length", "9999999999999999999"}},
                                  {{"Content-Length", "18446744073709551617"}},
                                  {{"Transfer-Encoding", "identity"}},
                                  {{"Transfer-Encoding", "gzip, chunked"}},
                                  {{"Transfer-Encoding", "chunked, chunked"}},
                                  {{"Transfer-Encoding", "chunked, identity"}},
                                  {{"Transfer-Encoding", "xchunked"}},
                                  {{"Transfer-Encoding", "chunked;a=b"}},
                                  {{"Transfer-Encoding", "\"chunked\""}},
                                  {{"Transfer-Encoding", ""}},
                                  {{"Transfer-Encoding", "chunked"}, {"Transfer-Encoding", "chunked"}},
                                  {{"Transfer-Encoding", "chunked"}, {"transfer-encoding", "identity"}},
                                  {{"Content_Length", "1"}},
                                  {{"Transfer_Encoding", "chunked"}},
                                  {{"TRANSFER_encoding", "chunked"}, {"Content-Length", "1"}}};
  for (std::size_t i = 0; i < tries.size(); ++i) {
    CAPTURE(i);
    const auto framing = of_request(tries[i]);
    REQUIRE_FALSE(framing.has_value());
    CHECK(framing.error().reason == Reason::http_ambiguous);
  }
  CHECK(of_request({{"Transfer-Encoding", "chunked"}}, 0).error().reason == Reason::http_ambiguous);
}

TEST_CASE("where an answer ends") {
  CHECK(of_response(200, {}) == Framing{Kind::until_end, 0});
  CHECK(of_response(200, {{"Content-Length", "0"}}) == Framing{});
  CHECK(of_response(200, {{"Content-Length", "5"}}) == Framing{Kind::length, 5});
  CHECK(of_response(500, {{"Transfer-Encoding", "chunked"}}) == Framing{Kind::chunked, 0});
  for (const int status : {100, 101, 103, 204, 304}) {
    CAPTURE(status);
    CHECK(of_response(status, {{"Content-Length", "5"}}) == Framing{});
  }
  CHECK(of_response(200, {{"Content-Length", "5"}}, "HEAD") == Framing{});
  CHECK(of_response(200, {{"Transfer-Encoding", "chunked"}}, "HEAD") == Framing{});
  CHECK(of_response(200, {{"Content-Length", "5"}, {"Transfer-Encoding", "chunked"}}).has_value() == false);
  CHECK(of_response(200, {{"Transfer-Encoding", "chunked"}}, "GET", 0).has_value() == false);
  CHECK(of_response(200, {{"Transfer-Encoding", "gzip"}}).has_value() == false);
  CHECK(of_response(200, {{"Content-Length", "5"}, {"content-length", "5"}}) == Framing{Kind::length, 5});
  CHECK(of_response(200, {{"Content-Length", "5"}, {"Content-Length", "6"}}).has_value() == false);
  CHECK(of_response(200, {{"Content-Length", "5"}, {"Content-Length", "05"}}).has_value() == false);
}

TEST_CASE("whether a connection goes on") {
  CHECK(persists(1, {}));
  CHECK(persists(1, {{"Connection", "keep-alive"}}));
  CHECK_FALSE(persists(1, {{"Connection", "upgrade, Close"}}));
  CHECK_FALSE(persists(0, {}));
  CHECK_FALSE(persists(0, {{"Connection", "keep-alive"}}));
}

}  // namespace
}  // namespace fairlead::http
