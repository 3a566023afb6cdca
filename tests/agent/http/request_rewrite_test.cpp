#include "agent/http/request_rewrite.h"

#include "agent/http/identity_fields.h"
#include "tests/support/codec_checks.h"

namespace fairlead::agent {
namespace {

Result<ForwardedRequest> rewritten(std::string_view text) {
  const auto parsed = http::parse_request_head(as_bytes(text));
  const auto* done = std::get_if<wire::Done<http::RequestHead>>(&parsed);
  REQUIRE(done != nullptr);
  return rewrite_request(done->value, "who: us\r\n");
}
std::string head_of(std::string_view line, std::string_view start = "GET / HTTP/1.1\r\nHost: a\r\n") {
  const auto request = rewritten(std::string(start) + std::string(line) + "\r\n");
  REQUIRE(request.has_value());
  return std::string(as_text(request->head));
}

const std::string kPlain = "GET / HTTP/1.1\r\nHost: a\r\nwho: us\r\nx-forwarded-host: a\r\n\r\n";

TEST_CASE("what only a proxy may say of a caller never passes, however it is spelled") {
  for (const char* name : {"X-Forwarded-Client-Cert",
                           "x-forwarded-client-cert",
                           "X_Forwarded_Client_Cert",
                           "X-FORWARDED_client-CERT",
                           "X.Forwarded!Client~Cert",
                           "Remote|User",
                           "X-Forwarded-For",
                           "x_forwarded_for",
                           "X-Forwarded-Proto",
                           "X-Forwarded-Host",
                           "X-Forwarded-Port",
                           "X-Forwarded-User",
                           "Forwarded",
                           "FORWARDED",
                           "Client-Cert",
                           "client_cert_chain",
                           "X-SSL-Client-Verify",
                           "X-Client-Cert",
                           "Tailscale-User-Login",
                           "Remote-User",
                           "X-Remote-User",
                           "remote_user",
                           "X-Real-IP",
                           "X_Real_Ip",
                           "True-Client-IP",
                           "CF-Connecting-IP",
                           "Proxy",
                           "SSL-Client-S-Dn",
                           "X-Spiffe-Id",
                           "X-Auth-Request-User"}) {
    CAPTURE(name);
    CHECK(head_of(std::string(name) + ": forged\r\n") == kPlain);
  }
  for (const char* name :
       {"X-Forwardedness", "Client-Certainty", "X-Client-Version", "Proxies", "Cookie", "Authorization"}) {
    CAPTURE(name);
    CHECK(head_of(std::string(name) + ": v\r\n").find(": v\r\n") != std::string::npos);
  }
}

TEST_CASE("our own words") {
  CHECK(identity_lines({"spiffe://td/agent/home/nas1", "ab12", "spiffe://td/client/alice", "192.0.2.7"}) ==
        "x-forwarded-client-cert: By=spiffe://td/agent/home/nas1;Hash=ab12;URI=spiffe://td/client/alice\r\n"
        "x-forwarded-for: 192.0.2.7\r\nx-forwarded-proto: https\r\n");
}

TEST_CASE("fields of one connection stay on it") {
  CHECK(head_of("Connection: keep-alive\r\nKeep-Alive: 5\r\nProxy-Connection: close\r\nProxy-Authorization: x\r\n") ==
        kPlain);
  CHECK(head_of("Connection: X-Mine, who\r\nX-Mine: 1\r\nWho: me\r\n") == kPlain);
  CHECK(head_of("TE: gzip\r\nConnection: te\r\n") == kPlain);
  CHECK(head_of("TE: trailers\r\nConnection: te\r\n").ends_with("te: trailers\r\nconnection: te\r\n\r\n"));
  CHECK(head_of("TE: trailers\r\n") == kPlain);
}

TEST_CASE("no switch to what would carry requests that nobody looks at") {
  const std::string connection = "Connection: upgrade, http2-settings\r\nHTTP2-Settings: x\r\n";
  for (const char* protocol : {"h2c", "H2C", "h2", "HTTP/2.0", "TLS/1.0", "http/1.1", "h2c-14", "a b", "(", "h3"}) {
    CAPTURE(protocol);
    CHECK(head_of(connection + "Upgrade: " + protocol + "\r\n") == kPlain);
  }
  CHECK(head_of("Upgrade: websocket\r\n") == kPlain);  // not named by Connection
  CHECK(head_of("Connection: upgrade\r\n") == kPlain);
  CHECK(head_of("Connection: upgrade\r\nUpgrade: h2c, websocket, SPDY/3.1\r\n")
            .ends_with("upgrade: websocket, SPDY/3.1\r\nconnection: upgrade\r\n\r\n"));
  const auto with_body =
      rewritten("POST / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 1\r\n\r\n");
  CHECK(with_body->upgrades.empty());
}

TEST_CASE("a body where servers do not look for one is the last of its connection") {
  for (const char* method : {"GET", "HEAD", "DELETE", "TRACE"}) {
    CAPTURE(method);
    const std::string start = std::string(method) + " / HTTP/1.1\r\nHost: a\r\n";
    CHECK(head_of("Content-Length: 5\r\n", start).ends_with("content-length: 5\r\nconnection: close\r\n\r\n"));
    CHECK_FALSE(rewritten(start + "Transfer-Encoding: chunked\r\n\r\n")->persists);
    CHECK(rewritten(start + "Content-Length: 0\r\n\r\n")->persists);
  }
  CHECK(rewritten("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n")->persists);
}

TEST_CASE("a host, and the forms of a target") {
  CHECK(
      head_of("", "OPTIONS * HTTP/1.1\r\nHost: [::1]:80\r\n").starts_with("OPTIONS * HTTP/1.1\r\nHost: [::1]:80\r\n"));
  CHECK(head_of("", "GET / HTTP/1.0\r\n") == "GET / HTTP/1.0\r\nwho: us\r\nconnection: close\r\n\r\n");
  CHECK(rewritten("CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n").error().reason == Reason::http_unserved);
  CHECK(rewritten("GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n").error().reason == Reason::http_ambiguous);
  CHECK(rewritten("GET / HTTP/1.1\r\n\r\n").error().reason == Reason::http_malformed);
  CHECK(rewritten("GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n").error().reason == Reason::http_ambiguous);
}

}  // namespace
}  // namespace fairlead::agent
