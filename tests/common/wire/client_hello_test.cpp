#include "common/wire/client_hello.h"

#include <string>

#include "tests/common/wire/tls_bytes.h"
#include "tests/support/codec_checks.h"

namespace fairlead::wire {
namespace {

using namespace fairlead::test;

constexpr auto parse = parse_client_hello;

ClientHello accepted(const Bytes& message) {
  return check_message<ClientHello>(message, parse);
}
ClientHello accepted_extensions(const Bytes& extensions) {
  return accepted(handshake_record(hello_with(extensions)));
}
std::optional<Reason> refused_extensions(const Bytes& extensions) {
  return refused(handshake_record(hello_with(extensions)), parse);
}
std::optional<Reason> refused_parts(const HelloParts& parts) {
  return refused(handshake_record(parts.message()), parse);
}

TEST_CASE("a ClientHello, byte by byte") {
  const Bytes message = from_hex(R"(
      16 03 01 00 5a                          # record: handshake, TLS 1.0, 90 bytes
      01 00 00 56                             # client_hello, 86 bytes
      03 03                                   # legacy_version: TLS 1.2
      00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f
      10 11 12 13 14 15 16 17 18 19 1a 1b 1c 1d 1e 1f  # random
      00                                      # no session id
      00 04  13 01  c0 2b                     # two suites
      01 00                                   # null compression
      00 29                                   # extensions, 41 bytes
      00 00 00 0d  00 0b  00  00 08  57 65 42 2e 48 6f 6d 45     # server_name "WeB.HomE"
      00 10 00 0b  00 09  05 69 73 74 69 6f  02 68 32            # ALPN "istio", "h2"
      00 2a 00 00                             # early_data
      ff 01 00 01 00                          # renegotiation_info
  )");
  const ClientHello hello = accepted(message);
  CHECK(hello.server_name == "web.home");
  CHECK(hello.alpn == std::vector<std::string>{"istio", "h2"});
  CHECK(hello.early_data);
}

TEST_CASE("what follows the hello's records is not touched") {
  const Bytes message = handshake_record(hello_with(server_name("web.home")));
  const Bytes with_early = join({message, record(23, 0x0303, Bytes(100, 1))});
  const auto answer = parse(with_early);
  REQUIRE(std::holds_alternative<Done<ClientHello>>(answer));
  CHECK(std::get<Done<ClientHello>>(answer).consumed == message.size());
}

TEST_CASE("a hello may be cut over records anywhere") {
  const Bytes message = hello_with(server_name("web.home"));
  for (std::size_t cut = 1; cut < message.size(); ++cut) {
    CAPTURE(cut);
    CHECK(accepted(cut_records(message, {cut})).server_name == "web.home");
  }
  CHECK(accepted(cut_records(message, {1, 2, 3, 4, 5, 60})).server_name == "web.home");
}

TEST_CASE("a post-quantum hello, larger than a segment, in GREASE") {
  const Bytes key_share = extension(51, vec16(join({u16(0x2A2A), vec16({0}), u16(0x11EC), vec16(Bytes(1216, 7))})));
  const Bytes grease =
      join({extension(0x0A0A, {}), server_name("web.home"), key_share,
            extension(16, vec16(join({vec8({0x4A, 0x4A}), vec8(text("h2"))}))), extension(0xFAFA, {0})});
  const ClientHello hello = accepted_extensions(grease);
  CHECK(hello.server_name == "web.home");
  CHECK(hello.alpn == std::vector<std::string>{"JJ", "h2"});
}

TEST_CASE("record and hello versions") {
  const Bytes message = hello_with(server_name("web.home"));
  // RFC 5246 §E.1, RFC 8446 §D: what stands in the record of a first hello says nothing
  for (const std::uint16_t version : std::vector<std::uint16_t>{0x0300, 0x0301, 0x0302, 0x0303, 0x0304, 0x03FF}) {
    CHECK(accepted(record(22, version, message)).server_name == "web.home");
  }
  CHECK(refused(record(22, 0x0201, message), parse) == Reason::client_not_tls);
  CHECK(refused(record(22, 0x0400, message), parse) == Reason::client_not_tls);
  HelloParts parts;
  for (const std::uint8_t minor : Bytes{1, 2, 3, 4}) {
    parts.version = {3, minor};
    CHECK(refused_parts(parts) == std::nullopt);
  }
  parts.version = {3, 0};
  CHECK(refused_parts(parts) == Reason::client_hello_malformed);
  parts.version = {2, 9};
  CHECK(refused_parts(parts) == Reason::client_hello_malformed);
}

TEST_CASE("no name: no extension, an empty one, an empty list, an empty name") {
  HelloParts parts;
  CHECK_FALSE(accepted(handshake_record(parts.message())).server_name.has_value());  // no extensions at all
  CHECK_FALSE(accepted_extensions({}).server_name.has_value());
  CHECK_FALSE(accepted_extensions(extension(10, vec16({0, 29}))).server_name.has_value());
  CHECK_FALSE(accepted_extensions(extension(0, {})).server_name.has_value());
  CHECK_FALSE(accepted_extensions(extension(0, vec16({}))).server_name.has_value());
  CHECK_FALSE(accepted_extensions(server_name("")).server_name.has_value());
}

TEST_CASE("names that are taken as they are, lower-cased and without a trailing dot") {
  CHECK(accepted_extensions(server_name("Web.HOME.")).server_name == "web.home");
  CHECK(accepted_extensions(server_name("192.0.2.1")).server_name == "192.0.2.1");
  CHECK(accepted_extensions(server_name("2001:DB8::1")).server_name == "2001:db8::1");
  const std::string istio = "outbound_.8080_.v1_.echo.default.svc.cluster.local";
  CHECK(accepted_extensions(server_name(istio)).server_name == istio);
  CHECK(accepted_extensions(server_name(std::string(255, 'a'))).server_name == std::string(255, 'a'));
}

TEST_CASE("names that are refused") {
  using namespace std::string_literals;
  for (const std::string& name : {std::string(256, 'a'), "web\0.home"s, "web home"s, "web.home\n"s, "\x7f"s, "\x80"s,
                                  "b\xc3\xbc"
                                  "cher.home"s,
                                  "."s}) {
    CAPTURE(to_hex(as_bytes(name)));
    CHECK(refused_extensions(server_name(name)) == Reason::client_hello_malformed);
  }
}

TEST_CASE("a server_name extension that can be read in two ways is refused") {
  const auto bad = Reason::client_hello_malformed;
  CHECK(refused_extensions(join({server_name("a.home"), server_name("a.home")})) == bad);
  CHECK(refused_extensions(join({extension(0, {}), server_name("a.home")})) == bad);
  CHECK(refused_extensions(extension(0, vec16(join({host_name("a.home"), host_name("b.home")})))) == bad);
  CHECK(refused_extensions(extension(0, vec16(join({{1}, vec16(text("a.home"))})))) == bad);  // not a host_name
  CHECK(refused_extensions(extension(0, join({vec16(host_name("a.home")), {0}}))) == bad);    // bytes after the list
  CHECK(refused_extensions(extension(0, vec16(join({host_name("a.home"), {0}})))) == bad);    // bytes after the name
  CHECK(refused_extensions(extension(0, {0, 9, 0, 0, 2, 'a'})) == bad);                       // list longer than it is
  CHECK(refused_extensions(extension(0, vec16({0, 0, 2, 'a'}))) == bad);                      // name longer than it is
  CHECK(refused_extensions(extension(0, {0})) == bad);
}

TEST_CASE("ALPN") {
  const auto bad = Reason::client_hello_malformed;
  const auto alpn = [](const Bytes& list) { return extension(16, vec16(list)); };
  const auto many = [](std::size_t n) {
    Bytes list;
    for (std::size_t i = 0; i < n; ++i) list = join({list, vec8(text("x"))});
    return list;
  };
  CHECK(accepted_extensions(alpn(vec8(Bytes(255, 'x')))).alpn.front().size() == 255);
  CHECK(accepted_extensions(alpn(many(kMaxAlpnProtocols))).alpn.size() == kMaxAlpnProtocols);
  CHECK(refused_extensions(alpn(many(kMaxAlpnProtocols + 1))) == bad);
  CHECK(refused_extensions(alpn({})) == bad);
  CHECK(refused_extensions(alpn({0})) == bad);            // an empty protocol
  CHECK(refused_extensions(alpn({3, 'h', '2'})) == bad);  // longer than it is
  CHECK(refused_extensions(extension(16, {})) == bad);
  CHECK(refused_extensions(extension(16, join({vec16(vec8(text("h2"))), {0}}))) == bad);
  CHECK(refused_extensions(join({alpn(vec8(text("h2"))), alpn(vec8(text("h2")))})) == bad);
}

TEST_CASE("early_data is empty and comes once") {
  CHECK_FALSE(accepted_extensions({}).early_data);
  CHECK(accepted_extensions(extension(42, {})).early_data);
  CHECK(refused_extensions(extension(42, {0})) == Reason::client_hello_malformed);
  CHECK(refused_extensions(join({extension(42, {}), extension(42, {})})) == Reason::client_hello_malformed);
}

TEST_CASE("a session ticket is found where there is one") {
  const auto ticket_of = [](const Bytes& extensions) {
    return session_ticket_of(handshake_record(hello_with(extensions)));
  };
  CHECK(ticket_of({}).empty());
  CHECK(ticket_of(extension(35, {})).empty());
  CHECK(ticket_of(join({extension(16, {0, 3, 2, 'h', '2'}), extension(35, {1, 2, 3})})) == Bytes{1, 2, 3});
  CHECK(session_ticket_of(text("GET / HTTP/1.1")).empty());
}

TEST_CASE("broken bodies") {
  const auto bad = Reason::client_hello_malformed;
  const auto broken = [](auto change) {
    HelloParts parts;
    parts.tail = vec16(server_name("web.home"));
    change(parts);
    return refused_parts(parts);
  };
  CHECK(broken([](HelloParts&) {}) == std::nullopt);
  CHECK(broken([](HelloParts& parts) { parts.session_id = vec8(Bytes(33, 1)); }) == bad);
  CHECK(broken([](HelloParts& parts) { parts.suites = vec16({}); }) == bad);
  CHECK(broken([](HelloParts& parts) { parts.suites = vec16({0x13, 0x01, 0x13}); }) == bad);
  CHECK(broken([](HelloParts& parts) { parts.compression = vec8({}); }) == bad);
  CHECK(broken([](HelloParts& parts) { parts.tail = {0}; }) == bad);                   // half a length
  CHECK(broken([](HelloParts& parts) { parts.tail = {0, 4, 0, 0}; }) == bad);          // block longer than it is
  CHECK(broken([](HelloParts& parts) { parts.tail = vec16({0, 0, 0}); }) == bad);      // half an extension header
  CHECK(broken([](HelloParts& parts) { parts.tail = vec16({0, 10, 0, 1}); }) == bad);  // extension longer
  CHECK(broken([](HelloParts& parts) { parts.tail.push_back(0); }) == bad);            // bytes after the block
  CHECK(broken([](HelloParts& parts) { parts = HelloParts{{}, {}, {}, {}, {}, {}}; }) == bad);  // no body at all
}

TEST_CASE("what is not TLS is known at the first wrong byte") {
  for (const std::string_view plaintext : {"GET / HTTP/1.1\r\n", "SSH-2.0-x", "\x05\x01", "\x80\x2e\x01\x03\x01"}) {
    CHECK(refused(from_text(plaintext), parse) == Reason::client_not_tls);
    CHECK(decided_after(from_text(plaintext), parse) == 1);
  }
  CHECK(refused(from_hex("15 03 03 00 02 02 28"), parse) == Reason::client_not_tls);  // an alert
  CHECK(refused(from_hex("16 47"), parse) == Reason::client_not_tls);
  CHECK(decided_after(from_hex("16 03 7f 00 00"), parse) == 5);  // any version, but an empty record
  CHECK(refused(from_hex("00 00 00 08 04 d2 16 2f"), parse) == Reason::client_not_tls);  // PostgreSQL's SSLRequest
}

}  // namespace
}  // namespace fairlead::wire
