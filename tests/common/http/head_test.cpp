#include "common/http/head.h"

#include <string>
#include <utility>

#include "tests/support/codec_checks.h"

namespace fairlead::http {
namespace {

using namespace fairlead::test;
using Pairs = std::vector<std::pair<std::string, std::string>>;

// What a head says, in memory of its own: the checks throw the input away.
struct Owned {
  std::string start;
  int number = 0;
  Pairs fields;
  bool operator==(const Owned&) const = default;
};

Pairs owned(const Fields& fields) {
  Pairs out;
  for (const Field& field : fields) out.emplace_back(field.name, field.value);
  return out;
}
Owned owned(const RequestHead& head) {
  return {std::string(head.method) + ' ' + std::string(head.target), head.minor, owned(head.fields)};
}
Owned owned(const ResponseHead& head) {
  return {std::string(head.reason) + ' ' + std::to_string(head.minor), head.status, owned(head.fields)};
}

template <class T>
wire::Parsed<Owned> keep(const wire::Parsed<T>& parsed) {
  if (const auto* more = std::get_if<wire::NeedMore>(&parsed)) return *more;
  if (const auto* bad = std::get_if<wire::Malformed>(&parsed)) return *bad;
  const auto& done = std::get<wire::Done<T>>(parsed);
  return wire::Done<Owned>{owned(done.value), done.consumed};
}
const auto request = [](ByteView in) { return keep(parse_request_head(in)); };
const auto response = [](ByteView in) { return keep(parse_response_head(in)); };

Owned read_request(std::string_view in) {
  return check_message<Owned>(from_text(in), request);
}
Owned read_response(std::string_view in) {
  return check_message<Owned>(from_text(in), response);
}
std::optional<Reason> refused_request(std::string_view in) {
  return refused(from_text(in), request);
}
std::optional<Reason> refused_field(std::string_view line) {
  return refused_request("GET / HTTP/1.1\r\nHost: a\r\n" + std::string(line) + "\r\n\r\n");
}

TEST_CASE("a request's head, as it was written") {
  CHECK(read_request("GET /a?b=c HTTP/1.1\r\nHost: web.home\r\nX-Odd:\t a , b \t\r\nEmpty:\r\n\r\n") ==
        Owned{"GET /a?b=c", 1, {{"Host", "web.home"}, {"X-Odd", "a , b"}, {"Empty", ""}}});
  CHECK(read_request("OPTIONS * HTTP/1.0\r\n\r\n") == Owned{"OPTIONS *", 0, {}});
  CHECK(read_request("M-SEARCH /|{}\\\" HTTP/1.1\r\nName: gr\xfc\xdf\r\n\r\n").fields[0].second == "gr\xfc\xdf");
}

TEST_CASE("a response's head") {
  CHECK(read_response("HTTP/1.1 200 OK\r\nServer: x\r\n\r\n") == Owned{"OK 1", 200, {{"Server", "x"}}});
  CHECK(read_response("HTTP/1.0 404 Not Found here\r\n\r\n") == Owned{"Not Found here 0", 404, {}});
  CHECK(read_response("HTTP/1.1 204 \r\n\r\n") == Owned{" 1", 204, {}});
  CHECK(read_response("HTTP/1.1 101\r\n\r\n") == Owned{" 1", 101, {}});
  CHECK(read_response("HTTP/1.1 999 Odd\r\n\r\n").number == 999);
}

TEST_CASE("a response's lines may end in a bare LF, all or some") {
  const Owned odd{"OK 1", 200, {{"Server", "x"}, {"A", "b"}}};
  CHECK(read_response("HTTP/1.1 200 OK\nServer: x\nA: b\n\n") == odd);
  CHECK(read_response("HTTP/1.1 200 OK\r\nServer: x\nA: b\r\n\n") == odd);
  for (const char* line : {"A: b\rC: d", "A: b\r\r\n", " folded"}) {
    CHECK(refused(from_text("HTTP/1.1 200 OK\n" + std::string(line) + "\n\n"), response) == Reason::http_ambiguous);
  }
}

TEST_CASE("request lines that two readers could take for different ones") {
  for (const char* line : {"GET",
                           "GET /",
                           "GET  / HTTP/1.1",
                           "GET / HTTP/1.1 ",
                           " GET / HTTP/1.1",
                           "GET /  HTTP/1.1",
                           "GET / http/1.1",
                           "GET / HTTP/11",
                           "GET / HTTP/1.1x",
                           "GET / HTTP/+1.1",
                           "GET /a b HTTP/1.1",
                           "G(T / HTTP/1.1",
                           "GET /\x80 HTTP/1.1",
                           "GET /\x01 HTTP/1.1",
                           "GET /#x HTTP/1.1",
                           "GET\t/ HTTP/1.1",
                           "",
                           "\x16\x03\x01",
                           "GET / HTTP/1.",
                           "GET / XHTTP/1.1",
                           "ABCDEFGHIJKLMNOPQRSTUVWXY / HTTP/1.1"}) {
    CAPTURE(line);
    CHECK(refused_request(std::string(line) + "\r\nHost: a\r\n\r\n") == Reason::http_malformed);
  }
  for (const char* version : {"HTTP/2.0", "HTTP/0.9", "HTTP/1.2", "HTTP/3.1"}) {
    CHECK(refused_request("GET / " + std::string(version) + "\r\n\r\n") == Reason::http_unserved);
  }
  CHECK(refused_request("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") == Reason::http_unserved);
}

TEST_CASE("fields that two readers could take for different ones") {
  for (const char* line : {"X : a", "X\t: a", " X: a", "\tX: a", "X: a\r\n folded", "X: a\nY: b", "X: a\rY: b",
                           "X\r: a", "X: a\r\r\nY: b", "Content-Length : 1", "X: \n"}) {
    CAPTURE(line);
    CHECK(refused_field(line) == Reason::http_ambiguous);
  }
  for (const char* line : {"X", ": a", "X Y: a", "X: \x01", "X: a\x7f", "X\x80: a", "X\"Y: a", "(X): a", "X: \x0b"}) {
    CAPTURE(line);
    CHECK(refused_field(line) == Reason::http_malformed);
  }
  CHECK(refused_field(std::string_view("X: a\0b", 6)) == Reason::http_malformed);
  CHECK(refused_field(std::string_view("X\0Y: a", 6)) == Reason::http_malformed);
  CHECK(refused_request("GET / HTTP/1.1\nHost: a\n\n") == Reason::http_ambiguous);
}

TEST_CASE("a refusal comes at the byte that decides") {
  CHECK(decided_after(from_text("\x16\x03\x01\x02\x00"), request) == 1);
  CHECK(decided_after(from_text("SSH-2.0-(OpenSSH"), request) == 9);
  CHECK(decided_after(from_text("SSH-2.0-OpenSSH_9.2\r\n"), response) == 1);
  CHECK(decided_after(from_text("GET / HTTP/1.1\r\nA: b\nC: d"), request) == 21);
  CHECK(decided_after(from_text("ABCDEFGHIJKLMNOPQRSTUVWXYZ"), request) == kMaxMethod + 1);
}

TEST_CASE("a head has its limits") {
  const std::string start = "GET / HTTP/1.1\r\n";
  const auto filled = [&start](std::size_t size) {
    std::string out = start + "X: ";
    out.resize(size - 4, 'x');
    return out + "\r\n\r\n";
  };
  CHECK(read_request(filled(kMaxHead)).fields.size() == 1);
  CHECK(refused_request(filled(kMaxHead + 1)) == Reason::http_too_large);
  CHECK(refused_request(start + "X: " + std::string(2 * kMaxHead, 'x')) == Reason::http_too_large);
  std::string many = start;
  for (std::size_t i = 0; i < kMaxFields; ++i) many += "X: a\r\n";
  CHECK(read_request(many + "\r\n").fields.size() == kMaxFields);
  CHECK(refused_request(many + "X: a\r\n\r\n") == Reason::http_too_large);
}

TEST_CASE("answers that are none") {
  for (const char* line : {"HTTP/1.1 20 OK", "HTTP/1.1 2000 OK", "HTTP/1.1 099 X", "HTTP/1.1  200 OK",
                           "HTTP/1.2 200 OK", "HTTP/2 200", "HTTP/1.1200 OK", "HTTP/1.1 2x0 OK", "ICY 200 OK",
                           "HTTP/1.1", "http/1.1 200 OK", "HTTP/1.1 200\tOK", "HTTP/1.1 200 \x01", ""}) {
    CAPTURE(line);
    CHECK(refused(from_text(std::string(line) + "\r\n\r\n"), response) == Reason::http_malformed);
  }
}

TEST_CASE("words and lists") {
  CHECK(same_word("Content-Length", "content-LENGTH"));
  CHECK_FALSE(same_word("a-b", "a_b"));
  CHECK_FALSE(same_word("a", "ab"));
  CHECK(starts_with_word("X-Forwarded-For", "x-forwarded-"));
  CHECK_FALSE(starts_with_word("X-For", "x-forwarded-"));
  const Fields fields{{"Connection", " a,, B ,"}, {"X", "a"}, {"connection", "c"}};
  CHECK(list_members(fields, "connection") == std::vector<std::string_view>{"a", "B", "c"});
  CHECK(has_member(list_members(fields, "connection"), "b"));
  CHECK(find_field(fields, "CONNECTION").count == 2);
  CHECK(find_field(fields, "CONNECTION").value == "c");
}

}  // namespace
}  // namespace fairlead::http
