// Openings of tunnels: what they ask for, what they are answered, on every split of their bytes.
#include "common/front/tunnel_machines.h"

#include "common/front/tunnel_answer.h"
#include "tests/support/codec_checks.h"

namespace fairlead::front {
namespace {

using namespace fairlead::test;

const ListenerRules kProxy{.accept = {.tls = false, .ticket = false, .verify = false, .socks5 = true, .connect = true},
                           .proxy_from = {},
                           .service = ""};
constexpr std::size_t kMost = 20 * 1024;

// What came of it, what was answered, and what is left for the tunnel.
struct Result {
  std::string outcome = "waits";
  Bytes said;
  Bytes rest;
  bool operator==(const Result&) const = default;
};

std::string describe(const Opening::Outcome& outcome) {
  if (const auto* reason = std::get_if<Reason>(&outcome)) return std::string(reason_code(*reason));
  const auto* request = std::get_if<TunnelRequest>(&std::get<Opened>(outcome).asks);
  REQUIRE(request != nullptr);
  return std::string(way_name(request->way)) + " " + request->host + " " + std::to_string(request->port);
}

// Bytes that come in these pieces; what is to be said is taken as soon as it is there.
Result run(const std::vector<ByteView>& pieces) {
  Opening opening(first_machine(kProxy), kMost);
  Result out;
  for (ByteView piece : pieces) {
    while (!piece.empty()) {
      const MutableBytes space = opening.space();
      const std::size_t count = std::min(space.size(), piece.size());
      std::copy_n(piece.begin(), count, space.begin());
      piece = piece.subspan(count);
      const auto outcome = opening.came(count);
      const Bytes said = opening.take_output();
      out.said.insert(out.said.end(), said.begin(), said.end());
      if (!outcome) continue;
      out.outcome = describe(*outcome);
      if (!std::holds_alternative<Opened>(*outcome)) return out;
      out.rest = opening.take_bytes();
      out.rest.insert(out.rest.end(), piece.begin(), piece.end());
      return out;
    }
  }
  return out;
}

// The same for every place at which the bytes may be cut in two, and byte by byte.
Result opened(const Bytes& bytes) {
  const Result whole = run({bytes});
  for (std::size_t cut = 1; cut < bytes.size(); cut = next_place(cut, bytes.size())) {
    const Result two = run({ByteView(bytes).first(cut), ByteView(bytes).subspan(cut)});
    if (two.outcome != whole.outcome || two.said != whole.said) {
      FAIL_CHECK("cut at " << cut << " of " << bytes.size() << ": " << two.outcome << ", not " << whole.outcome);
    }
  }
  std::vector<ByteView> single;
  for (std::size_t i = 0; i < bytes.size(); ++i) single.push_back(ByteView(bytes).subspan(i, 1));
  CHECK(run(single).outcome == whole.outcome);
  return whole;
}

Bytes socks(std::string_view request_hex) {
  return from_hex("05 01 00 " + std::string(request_hex));
}
constexpr std::string_view kChosen = "0500";

Result connected(std::string_view head) {
  return opened(from_text(head));
}
std::string status_of(const Result& result) {
  return std::string(as_text(result.said).substr(0, as_text(result.said).find('\r')));
}

TEST_CASE("SOCKS5 by name, and what follows it") {
  Bytes bytes = socks("05 01 00 03 09 57 65 62 2e 48 6f 6d 65 2e 01 bb");
  Result plain = opened(bytes);
  CHECK(plain.outcome == "socks5 web.home 443");
  CHECK(to_hex(plain.said) == kChosen);
  CHECK(plain.rest.empty());
  bytes.push_back(0x16);
  CHECK(run({bytes}).rest == Bytes{0x16});
}

TEST_CASE("what SOCKS5 refuses, in its own numbers") {
  CHECK(to_hex(opened(from_hex("05 01 02")).said) == "05ff");
  CHECK(opened(from_hex("05 01 02")).outcome == "socks_auth");
  CHECK(opened(from_hex("05 00")).outcome == "socks_malformed");
  struct Row {
    std::string_view request;
    std::string_view outcome;
    std::string_view reply;
  };
  const Row rows[] = {
      {"05 01 00 01 c0 00 02 01 00 50", "tunnel_to_address", "02"},
      {"05 01 00 04 20 01 0d b8 00 00 00 00 00 00 00 00 00 00 00 01 00 50", "tunnel_to_address", "02"},
      {"05 01 00 03 09 31 39 32 2e 30 2e 32 2e 31 00 50", "tunnel_to_address", "02"},
      {"05 01 00 03 0a 31 39 32 2e 30 2e 32 2e 31 2e 00 50", "tunnel_to_address", "02"},
      {"05 01 00 03 05 5b 3a 3a 31 5d 00 50", "tunnel_to_address", "02"},
      {"05 02 00", "socks_command", "07"},
      {"05 01 00 02", "socks_address_type", "08"},
      {"04 01", "socks_malformed", "01"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.request);
    const Result result = opened(socks(row.request));
    CHECK(result.outcome == row.outcome);
    CHECK(to_hex(result.said) == std::string(kChosen) + "05" + std::string(row.reply) + "0001000000000000");
  }
}

TEST_CASE("CONNECT by name, and what follows it") {
  const Result plain = connected("CONNECT Web.Home:443 HTTP/1.1\r\nHost: web.home:443\r\nUser-Agent: curl/7\r\n\r\n");
  CHECK(plain.outcome == "connect web.home 443");
  CHECK(plain.said.empty());
  CHECK(connected("CONNECT web.home:80 HTTP/1.0\r\n\r\n").outcome == "connect web.home 80");
  CHECK(connected("CONNECT web.home:80 HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n").outcome ==
        "connect web.home 80");
  CHECK(as_text(run({from_text("CONNECT web.home:80 HTTP/1.0\r\n\r\nhello")}).rest) == "hello");
}

TEST_CASE("what CONNECT refuses, with a status and the reason") {
  struct Row {
    std::string_view head;
    std::string_view outcome;
    std::string_view status;
  };
  const Row rows[] = {
      {"GET http://web.home/ HTTP/1.1\r\nHost: web.home\r\n\r\n", "tunnel_method", "HTTP/1.1 405 Method Not Allowed"},
      {"CONNECT 192.0.2.1:80 HTTP/1.1\r\nHost: x\r\n\r\n", "tunnel_to_address", "HTTP/1.1 403 Forbidden"},
      {"CONNECT [2001:db8::1]:80 HTTP/1.1\r\nHost: x\r\n\r\n", "tunnel_to_address", "HTTP/1.1 403 Forbidden"},
      {"CONNECT web.home HTTP/1.1\r\nHost: x\r\n\r\n", "http_malformed", "HTTP/1.1 400 Bad Request"},
      {"CONNECT web.home:0 HTTP/1.1\r\nHost: x\r\n\r\n", "http_malformed", "HTTP/1.1 400 Bad Request"},
      {"CONNECT web.home:70000 HTTP/1.1\r\nHost: x\r\n\r\n", "http_malformed", "HTTP/1.1 400 Bad Request"},
      {"CONNECT me@web.home:80 HTTP/1.1\r\nHost: x\r\n\r\n", "http_malformed", "HTTP/1.1 400 Bad Request"},
      {"CONNECT / HTTP/1.1\r\nHost: x\r\n\r\n", "http_malformed", "HTTP/1.1 400 Bad Request"},
      {"CONNECT web.home:80 HTTP/1.1\r\n\r\n", "http_malformed", "HTTP/1.1 400 Bad Request"},
      {"CONNECT web.home:80 HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", "http_malformed", "HTTP/1.1 400 Bad Request"},
      {"CONNECT web.home:80 HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n", "http_malformed",
       "HTTP/1.1 400 Bad Request"},
      {"CONNECT web.home:80 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", "http_malformed",
       "HTTP/1.1 400 Bad Request"},
      {"CONNECT web.home:80 HTTP/2.0\r\n\r\n", "http_unserved", "HTTP/1.1 400 Bad Request"},
      {"CONNECT web.home:80 HTTP/1.1\nHost: x\n\n", "http_ambiguous", "HTTP/1.1 400 Bad Request"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.head);
    const Result result = connected(row.head);
    CHECK(result.outcome == row.outcome);
    CHECK(status_of(result) == row.status);
    CHECK(as_text(result.said).find("details=\"" + std::string(row.outcome) + "\"") != std::string_view::npos);
  }
  const std::string long_head = "CONNECT web.home:80 HTTP/1.1\r\nX: " + std::string(17 * 1024, 'x');
  CHECK(status_of(run({from_text(long_head)})) == "HTTP/1.1 431 Request Header Fields Too Large");
}

TEST_CASE("what is neither is not taken, and a listener that wants TLS says so") {
  CHECK(opened(from_hex("16 03 01")).outcome == "not_accepted_here");
  CHECK(opened(from_hex("04 01 00")).outcome == "not_accepted_here");
  const ListenerRules usual;
  ListenerRules port = kProxy;
  port.service = "web.home";
  for (const std::string_view first : {"\x05", "C"}) {
    Opening tls(first_machine(usual), kMost);
    std::copy_n(first.begin(), 1, tls.space().begin());
    CHECK(std::get<Reason>(*tls.came(1)) == Reason::client_not_tls);
    Opening fixed(first_machine(port), kMost);
    std::copy_n(first.begin(), 1, fixed.space().begin());
    CHECK(std::get<Reason>(*fixed.came(1)) == Reason::not_accepted_here);
  }
}

TEST_CASE("no flipped byte leads to an address, or beyond visible ASCII") {
  const Bytes rows[] = {socks("05 01 00 03 08 77 65 62 2e 68 6f 6d 65 01 bb"),
                        from_text("CONNECT web.home:443 HTTP/1.1\r\nHost: web.home:443\r\n\r\n")};
  for (const Bytes& row : rows) {
    for (std::size_t at = 0; at < row.size(); ++at) {
      for (int mask = 1; mask < 256; ++mask) {
        Bytes flipped = row;
        flipped[at] = static_cast<std::uint8_t>(flipped[at] ^ mask);
        const Result result = run({flipped});
        for (const char c : result.outcome) CHECK((c >= 0x20 && c < 0x7f));
      }
    }
  }
}

}  // namespace
}  // namespace fairlead::front
