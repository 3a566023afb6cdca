#include "common/wire/http_head.h"

#include "tests/support/codec_checks.h"

namespace fairlead::wire {
namespace {

using namespace fairlead::test;

constexpr auto parse = parse_http_request;

HttpRequest accepted(std::string_view in) {
  return check_message<HttpRequest>(from_text(in), parse);
}
bool refused_request(std::string_view in) {
  return refused(from_text(in), parse) == Reason::http_malformed;
}
bool refused_target(std::string_view target) {
  return refused_request("GET " + std::string(target) + " HTTP/1.1\r\nHost: localhost\r\n\r\n");
}
bool refused_response(std::string_view in) {
  return refused(from_text(in), parse_http_response) == Reason::http_malformed;
}

TEST_CASE("a request, its path and its query") {
  using Query = std::vector<std::pair<std::string, std::string>>;
  const HttpRequest plain = accepted("GET /status HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n");
  CHECK(plain == HttpRequest{"GET", "/status", {}});
  CHECK(accepted("POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n") == HttpRequest{"POST", "/", {}});
  CHECK(accepted("GET /a%20b?agent=na%73*&limit=10&flag&x=a%3D%26+b HTTP/1.1\r\n\r\n") ==
        HttpRequest{"GET", "/a%20b", Query{{"agent", "nas*"}, {"limit", "10"}, {"flag", ""}, {"x", "a=&+b"}}});
  CHECK(accepted("GET /?a=b=c&&d= HTTP/1.1\r\n\r\n").query == Query{{"a", "b=c"}, {"d", ""}});
  CHECK(accepted("GET /? HTTP/1.1\r\n\r\n").query.empty());
}

TEST_CASE("broken request lines") {
  for (const char* line :
       {"", "GET", "GET /", "GET  / HTTP/1.1", "GET / HTTP/1.1 ", " GET / HTTP/1.1", "GET / HTTP/1.0", "GET / HTTP/2.0",
        "GET / http/1.1", "GET /a b HTTP/1.1", "G(T / HTTP/1.1", "/ HTTP/1.1", "GET status HTTP/1.1",
        "GET http://host/ HTTP/1.1", "GET * HTTP/1.1", "GET /\x80 HTTP/1.1"}) {
    CAPTURE(line);
    CHECK(refused_request(std::string(line) + "\r\nHost: localhost\r\n\r\n"));
  }
  for (const char* target : {"/#top", "/?a=%", "/?a=%2", "/?a=%zz", "/?%g1=b", "/?a=%1", "/\x01"}) {
    CAPTURE(target);
    CHECK(refused_target(target));
  }
}

TEST_CASE("broken headers, and headers that announce a body") {
  for (const char* field :
       {"Host", ": x", "Ho st: x", "Host : x", " folded", "\tfolded", "X: a\rb", "X: a\nb", "X: \x01", "X: \x7f",
        "Content-Length: 1", "Content-Length: -1", "Content-Length: +0", "Content-Length: 0x0",
        "Content-Length:", "Content-Length: 99999999999999999999999", "Content-Length: 0\r\nContent-Length: 0",
        "Transfer-Encoding: chunked", "transfer-encoding: identity"}) {
    CAPTURE(field);
    CHECK(refused_request("GET / HTTP/1.1\r\n" + std::string(field) + "\r\n\r\n"));
  }
  CHECK(refused(from_text("GET / HTTP/1.1\n\n"), parse) == std::nullopt);  // still no end of head: waits for the limit
}

TEST_CASE("a head of kMaxHttpHead bytes and one above") {
  const std::string begin = "GET / HTTP/1.1\r\nX: ";
  const std::string end = "\r\n\r\n";
  const std::string most = begin + std::string(kMaxHttpHead - begin.size() - end.size(), 'x') + end;
  CHECK(most.size() == kMaxHttpHead);
  CHECK(std::holds_alternative<Done<HttpRequest>>(parse(as_bytes(most))));
  const std::string above = begin + "x" + most.substr(begin.size());
  CHECK(std::holds_alternative<Malformed>(parse(as_bytes(above))));
  CHECK(decided_after(from_text(above), parse) == kMaxHttpHead);
}

TEST_CASE("requests as the command line writes them") {
  Bytes out;
  ByteWriter writer(out);
  write_http_request("GET", "/status/agents?agent=" + percent_encode("a b&c=d%"), writer);
  CHECK(accepted(as_text(out)) == HttpRequest{"GET", "/status/agents", {{"agent", "a b&c=d%"}}});
}

TEST_CASE("responses") {
  const auto write = [](int status, std::string_view body) {
    return [=](ByteWriter& writer) { write_http_response(status, "application/json", body, writer); };
  };
  check_round_trip(HttpResponse{200, "{\"version\":\"0.1.0\"}"}, parse_http_response,
                   write(200, "{\"version\":\"0.1.0\"}"));
  check_round_trip(HttpResponse{404, ""}, parse_http_response, write(404, ""));
  check_round_trip(HttpResponse{418, "no such text"}, parse_http_response, write(418, "no such text"));
  Bytes out;
  ByteWriter writer(out);
  write_http_response(200, "text/plain", "ok\n", writer);
  CHECK(as_text(out) ==
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n");
}

TEST_CASE("a response asks for the rest of its body") {
  const auto answer = parse_http_response(as_bytes("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"));
  REQUIRE(std::holds_alternative<NeedMore>(answer));
  CHECK(std::get<NeedMore>(answer).at_least == 7);
}

TEST_CASE("broken responses") {
  for (const char* head :
       {"HTTP/1.1 200 OK", "HTTP/1.1 200\r\nContent-Length: 0", "HTTP/1.1 20 OK\r\nContent-Length: 0",
        "HTTP/1.1 2000 OK\r\nContent-Length: 0", "HTTP/1.1 +20 OK\r\nContent-Length: 0",
        "HTTP/1.1 100 Continue\r\nContent-Length: 0", "HTTP/1.1 600 X\r\nContent-Length: 0",
        "HTTP/1.0 200 OK\r\nContent-Length: 0", "HTTP/1.1  200 OK\r\nContent-Length: 0",
        "HTTP/1.1 200 OK\r\nContent-Length: 67108865", "HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551615",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked",
        "HTTP/1.1 200 O\rK\r\nContent-Length: 0", "HTTP/1.1 200 O\nK\r\nContent-Length: 0", "\x16\x03\x03"}) {
    CAPTURE(head);
    CHECK(refused_response(std::string(head) + "\r\n\r\n"));
  }
}

TEST_CASE("percent encoding") {
  CHECK(percent_encode("AZaz09-._~") == "AZaz09-._~");
  CHECK(percent_encode("/?&=%+ \xc3\xbc") == "%2F%3F%26%3D%25%2B%20%C3%BC");
  CHECK(percent_encode(std::string_view("\0", 1)) == "%00");
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
  const HttpRequest request = accepted("GET /?x=" + percent_encode(all) + " HTTP/1.1\r\n\r\n");
  REQUIRE(request.query.size() == 1);
  CHECK(request.query[0].second == all);
}

}  // namespace
}  // namespace fairlead::wire
