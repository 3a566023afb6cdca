// Requests that one reader takes for one and another for two, or for something else: none of them reaches the target.
#include "tests/agent/http/forwarder_rig.h"

namespace fairlead::agent {
namespace {

using test::ForwarderRig;

struct Attempt {
  Reason reason;
  std::string_view status;
  std::string_view text;
};

constexpr std::string_view kForged = "GET /admin HTTP/1.1\r\nHost: a\r\nX-Forwarded-Client-Cert: forged\r\n\r\n";

// Each is refused before a byte of it is passed on.
const Attempt kAttempts[] = {
    // A length and chunks (CL.TE, TE.CL), and how one of them is hidden.
    {Reason::http_ambiguous, "400",
     "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG"},
    {Reason::http_ambiguous, "400",
     "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n8\r\nSMUGGLED\r\n0\r\n\r\n"},
    {Reason::http_ambiguous, "400",
     "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"},
    {Reason::http_ambiguous, "400", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"},
    {Reason::http_ambiguous, "400",
     "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n"},
    {Reason::http_ambiguous, "400",
     "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n"},
    {Reason::http_ambiguous, "400",
     "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
    {Reason::http_ambiguous, "400",
     "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n"},
    {Reason::http_ambiguous, "400",
     "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n"},
    {Reason::http_ambiguous, "400", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n0\r\n\r\n"},
    {Reason::http_ambiguous, "400",
     "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\nContent-Length: 4\r\n\r\nabcd"},
    {Reason::http_ambiguous, "400", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n"},
    {Reason::http_ambiguous, "400", "POST / HTTP/1.1\r\nHost: a\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
    {Reason::http_ambiguous, "400", "POST / HTTP/1.1\r\nHost: a\r\nX: y\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
    {Reason::http_ambiguous, "400", "POST / HTTP/1.1\r\nHost: a\r\nX: y\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
    {Reason::http_ambiguous, "400", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n"},
    {Reason::http_ambiguous, "400", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n"},
    {Reason::http_malformed, "400", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\x0b\r\n\r\n0\r\n\r\n"},
    {Reason::http_malformed, "400", "POST / HTTP/1.1\r\nHost: a\r\n\x0bTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
    {Reason::http_malformed, "400", "POST / HTTP/1.1\r\nHost: a\r\nTransfer\x01-Encoding: chunked\r\n\r\n0\r\n\r\n"},
    {Reason::http_ambiguous, "400", "POST / HTTP/1.1\r\nHost: a\r\nTransfer_Encoding: chunked\r\n\r\n0\r\n\r\n"},
    {Reason::http_ambiguous, "400", "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
    // Lengths that differ, or may.
    {Reason::http_ambiguous, "400", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nContent-Length: 0\r\n\r\nabcd"},
    {Reason::http_ambiguous, "400", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nContent-Length: 4\r\n\r\nabcd"},
    {Reason::http_ambiguous, "400", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4, 0\r\n\r\nabcd"},
    {Reason::http_ambiguous, "400", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +4\r\n\r\nabcd"},
    {Reason::http_ambiguous, "400", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -4\r\n\r\nabcd"},
    {Reason::http_ambiguous, "400", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x4\r\n\r\nabcd"},
    {Reason::http_ambiguous, "400", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4 4\r\n\r\nabcd"},
    {Reason::http_ambiguous, "400", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551620\r\n\r\nabcd"},
    {Reason::http_ambiguous, "400", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\nabcd"},
    {Reason::http_ambiguous, "400", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length : 4\r\n\r\nabcd"},
    {Reason::http_ambiguous, "400", "POST / HTTP/1.1\r\nHost: a\r\nContent_Length: 4\r\n\r\nabcd"},
    {Reason::http_ambiguous, "400",
     "POST / HTTP/1.1\r\nHost: a\r\nConnection: content-length\r\nContent-Length: 4\r\n\r\nabcd"},
    {Reason::http_ambiguous, "400",
     "POST / HTTP/1.1\r\nHost: a\r\nConnection: Transfer-Encoding\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
    // Lines that end elsewhere.
    {Reason::http_ambiguous, "400", "GET / HTTP/1.1\nHost: a\n\n"},
    {Reason::http_ambiguous, "400", "GET / HTTP/1.1\r\nHost: a\n\r\n"},
    {Reason::http_ambiguous, "400", "GET / HTTP/1.1\r\nHost: a\r\n\nX: y\r\n\r\n"},
    {Reason::http_ambiguous, "400", "GET / HTTP/1.1\r\nHost: a\r\r\n\r\n"},
    {Reason::http_malformed, "400", "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"},
    {Reason::http_malformed, "400", "GET / HTTP/1.1 \r\nHost: a\r\n\r\n"},
    {Reason::http_malformed, "400", "GET /\tHTTP/1.1\r\nHost: a\r\n\r\n"},
    {Reason::http_malformed, "400", "GET /a HTTP/1.1 HTTP/1.1\r\nHost: a\r\n\r\n"},
    {Reason::http_malformed, "400", "GET /\r\n"},
    // Hosts, targets and methods.
    {Reason::http_malformed, "400", "GET / HTTP/1.1\r\n\r\n"},
    {Reason::http_ambiguous, "400", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"},
    {Reason::http_malformed, "400", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"},
    {Reason::http_malformed, "400", "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n"},
    {Reason::http_malformed, "400", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"},
    {Reason::http_malformed, "400", "GET / HTTP/1.1\r\nHost:\r\n\r\n"},
    {Reason::http_ambiguous, "400", "GET / HTTP/1.1\r\nHost: a\r\nConnection: close, host\r\n\r\n"},
    {Reason::http_ambiguous, "400", "GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n"},
    {Reason::http_malformed, "400", "GET a HTTP/1.1\r\nHost: a\r\n\r\n"},
    {Reason::http_malformed, "400", "GET /#a HTTP/1.1\r\nHost: a\r\n\r\n"},
    {Reason::http_unserved, "501", "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n"},
    {Reason::http_unserved, "501", "GET / HTTP/1.2\r\nHost: a\r\n\r\n"},
    {Reason::http_unserved, "501", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"},
    {Reason::http_unserved, "501",
     "POST / HTTP/1.1\r\nHost: a\r\nExpect: y 100-continue\r\nContent-Length: 4\r\n\r\nabcd"},
    {Reason::http_unserved, "501",
     "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nExpect: x\r\nContent-Length: 4\r\n\r\nabcd"},
};

// The head is passed on, and then the body is no body: the target's connection is cut.
const Attempt kBodies[] = {
    {Reason::http_ambiguous, "400", "1\r\nabc\r\n0\r\n\r\n"},
    {Reason::http_ambiguous, "400", "1 \r\na\r\n0\r\n\r\n"},
    {Reason::http_ambiguous, "400", "0x1\r\na\r\n0\r\n\r\n"},
    {Reason::http_ambiguous, "400", "1\na\n0\n\n"},
    {Reason::http_ambiguous, "400", "1;a\nxx\r\n0\r\n\r\n"},
    {Reason::http_ambiguous, "400", "1;a\rxx\r\n0\r\n\r\n"},
    {Reason::http_ambiguous, "400", "ffffffffffffffff1\r\na\r\n0\r\n\r\n"},
    {Reason::http_ambiguous, "400", "-1\r\na\r\n0\r\n\r\n"},
    {Reason::http_ambiguous, "400", "1\r\na0\r\n\r\n"},
    {Reason::http_ambiguous, "400", "0\r\nTransfer-Encoding: chunked\r\n\r\n"},
    {Reason::http_ambiguous, "400", "0\r\nContent-Length: 9\r\n\r\n"},
    {Reason::http_malformed, "400", "0\r\nGET /admin HTTP/1.1\r\n\r\n"},
};

TEST_CASE("heads with two readings") {
  for (const Attempt& attempt : kAttempts) {
    for (const std::size_t piece : {1, 5, 1 << 16}) {
      CAPTURE(attempt.text);
      CAPTURE(piece);
      ForwarderRig rig;
      rig.piece = piece;
      CHECK(rig.ask(std::string(attempt.text) + std::string(kForged)) == 0);
      CHECK(rig.target_hears().empty());
      rig.check_refused(attempt.reason, attempt.status);
      CHECK(rig.forwarder.target_fate() == test::Fate::ends);
    }
  }
  CHECK(std::size(kAttempts) > 50);
}

TEST_CASE("a NUL, anywhere in a head") {
  const std::string good = "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n";
  for (std::size_t at = 0; at + 4 < good.size(); ++at) {
    std::string bad = good;
    bad[at] = '\0';
    ForwarderRig rig;
    rig.ask(bad + std::string(kForged));
    CHECK(rig.target_hears().empty());
    CHECK(rig.refusal().has_value());
  }
}

TEST_CASE("bodies with two readings") {
  for (const Attempt& attempt : kBodies) {
    for (const std::size_t piece : {1, 5, 1 << 16}) {
      CAPTURE(attempt.text);
      CAPTURE(piece);
      ForwarderRig rig;
      rig.piece = piece;
      CHECK(rig.ask("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + std::string(attempt.text) +
                    std::string(kForged)) == 0);
      CHECK(rig.target_hears().find("admin") == std::string::npos);
      rig.check_refused(attempt.reason, attempt.status);
      CHECK(rig.forwarder.target_fate() == test::Fate::aborts);
    }
  }
}

TEST_CASE("a request in the body of one that servers read without a body") {
  ForwarderRig rig;
  rig.ask("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(kForged.size()) + "\r\n\r\n" +
          std::string(kForged));
  CHECK(rig.target_hears().find("connection: close\r\n\r\nGET /admin") !=
        std::string::npos);  // it is the last one there
  rig.answer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlost");
  CHECK(rig.caller_hears().ends_with("\r\n\r\nok"));
  CHECK(rig.forwarder.caller_fate() == test::Fate::ends);
}

}  // namespace
}  // namespace fairlead::agent
