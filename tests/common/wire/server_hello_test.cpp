#include "common/wire/server_hello.h"

#include <set>

#include "tests/common/wire/tls_bytes.h"
#include "tests/support/codec_checks.h"

namespace fairlead::wire {
namespace {

using namespace fairlead::test;

constexpr auto parse = parse_server_first;

struct ServerParts {
  Bytes version{0x03, 0x03};
  Bytes session_id = vec8(Bytes(32, 0xBB));
  Bytes suite{0xC0, 0x2B};
  Bytes tail;  // extensions with their length, or nothing

  Bytes message() const { return handshake(2, join({version, Bytes(32, 0xAA), session_id, suite, {0}, tail})); }
  Bytes bytes() const { return record(22, 0x0303, message()); }
};

Bytes with_suite(std::uint16_t suite) {
  ServerParts parts;
  parts.suite = u16(suite);
  return parts.bytes();
}
Bytes with_extensions(const Bytes& extensions) {
  ServerParts parts;
  parts.tail = vec16(extensions);
  return parts.bytes();
}
ServerFirst accepted(const Bytes& message) {
  return check_message<ServerFirst>(message, parse);
}

TEST_CASE("a TLS 1.3 ServerHello, byte by byte") {
  const Bytes message = from_hex(R"(
      16 03 03 00 38                          # record: handshake, TLS 1.2, 56 bytes
      02 00 00 34                             # server_hello, 52 bytes
      03 03                                   # legacy_version
      00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f
      10 11 12 13 14 15 16 17 18 19 1a 1b 1c 1d 1e 1f  # random
      00                                      # no session id
      13 01                                   # TLS_AES_128_GCM_SHA256
      00                                      # null compression
      00 0c                                   # extensions, 12 bytes
      00 2b 00 02 03 04                       # supported_versions: TLS 1.3
      00 33 00 02 00 1d                       # key_share of a HelloRetryRequest: x25519
  )");
  CHECK(accepted(message) == ServerFirst::server_hello);
}

TEST_CASE("TLS 1.2 without extensions, cut over records, and with more in its record") {
  const ServerParts parts;
  CHECK(accepted(parts.bytes()) == ServerFirst::server_hello);
  for (std::size_t cut = 1; cut < parts.message().size(); ++cut) {
    CHECK(accepted(cut_records(parts.message(), {cut})) == ServerFirst::server_hello);
  }
  const Bytes flight = record(22, 0x0303, join({parts.message(), handshake(11, Bytes(900))}));
  CHECK(decided_after(flight, parse) == parts.bytes().size());
  CHECK(refused(flight, parse) == std::nullopt);
}

TEST_CASE("versions below TLS 1.2 are weak") {
  ServerParts parts;
  for (const std::uint8_t minor : Bytes{0, 1, 2}) {
    parts.version = {3, minor};
    CHECK(refused(record(22, static_cast<std::uint16_t>(0x0300 + minor), parts.message()), parse) ==
          Reason::service_weak_tls);
    CHECK(refused(parts.bytes(), parse) == Reason::service_weak_tls);
  }
  parts.version = {2, 0};
  CHECK(refused(parts.bytes(), parse) == Reason::service_weak_tls);
  parts.version = {3, 4};  // RFC 8446 §4.1.3: TLS 1.3 says 0x0303 here
  CHECK(refused(parts.bytes(), parse) == Reason::service_not_tls);
}

TEST_CASE("a version chosen by extension") {
  const auto chosen = [](std::uint16_t version) {
    return refused(with_extensions(extension(43, u16(version))), parse);
  };
  CHECK(chosen(0x0304) == std::nullopt);
  CHECK(chosen(0x0305) == std::nullopt);
  CHECK(chosen(0x0303) == Reason::service_weak_tls);
  CHECK(chosen(0x0301) == Reason::service_weak_tls);
  CHECK(chosen(0x7F1C) == Reason::service_weak_tls);
  CHECK(chosen(0x0000) == Reason::service_not_tls);
  const Bytes tls13 = extension(43, u16(0x0304));
  CHECK(refused(with_extensions(join({tls13, tls13})), parse) == Reason::service_not_tls);
  CHECK(refused(with_extensions(extension(43, {3})), parse) == Reason::service_not_tls);
  CHECK(refused(with_extensions(extension(43, {3, 4, 0})), parse) == Reason::service_not_tls);
}

// Every suite of the IANA registry whose name has NULL, anon or EXPORT in it, and the two with integrity only; listed
// singly, not as ranges, so that a slip in one list shows.
const std::set<std::uint16_t> kWeak{
    0x0000, 0x0001, 0x0002, 0x0003, 0x0006, 0x0008, 0x000B, 0x000E, 0x0011, 0x0014, 0x0017, 0x0018, 0x0019,
    0x001A, 0x001B, 0x0026, 0x0027, 0x0028, 0x0029, 0x002A, 0x002B, 0x002C, 0x002D, 0x002E, 0x0034, 0x003A,
    0x003B, 0x0046, 0x006C, 0x006D, 0x0089, 0x009B, 0x00A6, 0x00A7, 0x00B0, 0x00B1, 0x00B4, 0x00B5, 0x00B8,
    0x00B9, 0x00BF, 0x00C5, 0xC001, 0xC006, 0xC00B, 0xC010, 0xC015, 0xC016, 0xC017, 0xC018, 0xC019, 0xC039,
    0xC03A, 0xC03B, 0xC046, 0xC047, 0xC05A, 0xC05B, 0xC084, 0xC085, 0xC0B4, 0xC0B5};
// Used before the registry kept them, or beside it.
const std::set<std::uint16_t> kWeakUnregistered{0x001C, 0x0060, 0x0061, 0x0062, 0x0063,
                                                0x0064, 0x0065, 0x0082, 0x0083, 0xFF87};

TEST_CASE("suites without encryption or authentication, and export suites, are weak; no others") {
  for (unsigned suite = 0; suite <= 0xFFFF; ++suite) {
    const auto id = static_cast<std::uint16_t>(suite);
    if (is_weak_suite(id) != (kWeak.contains(id) || kWeakUnregistered.contains(id))) FAIL_CHECK("suite " << suite);
  }
  CHECK(refused(with_suite(0x003B), parse) == Reason::service_weak_tls);
  CHECK(refused(with_suite(0xC018), parse) == Reason::service_weak_tls);
  CHECK(refused(with_suite(0xC0B4), parse) == Reason::service_weak_tls);
  for (const std::uint16_t good :
       std::vector<std::uint16_t>{0x1301, 0x1302, 0x1303, 0xC02B, 0xC02F, 0xC030, 0xCCA9, 0x009E, 0x002F}) {
    CHECK(refused(with_suite(good), parse) == std::nullopt);
  }
}

TEST_CASE("alerts") {
  CHECK(accepted(from_hex("15 03 03 00 02  02 28")) == ServerFirst::alert);  // fatal handshake_failure
  CHECK(accepted(from_hex("15 03 01 00 02  02 70")) == ServerFirst::alert);  // fatal unrecognized_name
  CHECK(accepted(from_hex("15 03 00 00 02  02 46")) == ServerFirst::alert);  // before a version is agreed
  CHECK(accepted(from_hex("15 03 03 00 02  01 00")) == ServerFirst::alert);  // close_notify
  const auto bad = Reason::service_not_tls;
  CHECK(refused(from_hex("15 03 03 00 02  03 28"), parse) == bad);  // no such level
  CHECK(refused(from_hex("15 03 03 00 02  00 28"), parse) == bad);
  CHECK(refused(from_hex("15 03 03 00 02  02 01"), parse) == bad);  // no such description
  CHECK(refused(from_hex("15 03 03 00 02  02 ff"), parse) == bad);
  CHECK(refused(from_hex("15 03 03 00 01  02"), parse) == bad);  // RFC 8446 §5.1: not fragmented
  CHECK(refused(from_hex("15 03 03 00 04  02 28 02 28"), parse) == bad);
  CHECK(refused(from_hex("15 04 03 00 02  02 28"), parse) == bad);
  CHECK(refused(from_hex("15 03 05 00 02  02 28"), parse) == bad);
}

TEST_CASE("a warning decides nothing: what follows is judged") {
  const Bytes warning = from_hex("15 03 03 00 02  01 70");
  CHECK(refused(warning, parse) == std::nullopt);
  CHECK(needs_more(parse(warning)));
  CHECK(accepted(join({warning, with_suite(0xC02B)})) == ServerFirst::server_hello);
  CHECK(refused(join({warning, with_suite(0x0002)}), parse) == Reason::service_weak_tls);
  CHECK(refused(join({warning, text("220 ready")}), parse) == Reason::service_not_tls);
  CHECK(accepted(join({warning, from_hex("15 03 03 00 02 01 00")})) == ServerFirst::alert);
  Bytes many;
  for (std::size_t i = 0; i < kMaxServerWarnings; ++i) many = join({many, warning});
  CHECK(accepted(join({many, with_suite(0xC02B)})) == ServerFirst::server_hello);
  CHECK(refused(join({many, warning}), parse) == Reason::service_not_tls);
}

TEST_CASE("plaintext is known at its first byte") {
  for (const std::string_view plain : {"HTTP/1.1 200 OK\r\n", "SSH-2.0-OpenSSH_9.2\r\n", "220 mail ESMTP\r\n", "N",
                                       "\x4a\x00\x00\x00\x0a"
                                       "8.0.36"}) {
    CHECK(refused(from_text(plain), parse) == Reason::service_not_tls);
    CHECK(decided_after(from_text(plain), parse) == 1);
  }
  CHECK(refused(record(23, 0x0303, {1}), parse) == Reason::service_not_tls);
  CHECK(refused(record(20, 0x0303, {1}), parse) == Reason::service_not_tls);
  CHECK(refused(record(22, 0x0303, handshake(1, Bytes(50))), parse) == Reason::service_not_tls);  // a ClientHello
}

TEST_CASE("greetings of servers that speak first") {
  for (const std::string_view greeting :
       {"SSH-2.0-OpenSSH_9.2\r\n", "220 mail ESMTP\r\n", "220-ftp\r\n", "+OK POP3\r\n", "* OK IMAP4rev1\r\n"}) {
    CHECK(is_server_greeting(text(greeting)));
  }
  CHECK(is_server_greeting(from_hex("4a 00 00 00 0a 38 2e 30")));  // MySQL 8.0
  for (const std::string_view other : {"", "S", "HTTP/1.1 200 OK\r\n", "221 bye\r\n", "+PONG\r\n", "N"}) {
    CHECK_FALSE(is_server_greeting(text(other)));
  }
}

TEST_CASE("broken ServerHellos") {
  const auto bad = Reason::service_not_tls;
  ServerParts parts;
  parts.session_id = vec8(Bytes(33));
  CHECK(refused(parts.bytes(), parse) == bad);
  parts = {};
  parts.tail = {0};
  CHECK(refused(parts.bytes(), parse) == bad);
  parts.tail = {0, 5, 0, 43, 0, 2, 3};
  CHECK(refused(parts.bytes(), parse) == bad);
  parts.tail = {0, 0, 0};
  CHECK(refused(parts.bytes(), parse) == bad);
  CHECK(refused(with_extensions({0, 43, 0}), parse) == bad);
  CHECK(refused(record(22, 0x0303, handshake(2, Bytes(10))), parse) == bad);
  CHECK(refused(from_hex("16 03 03 40 00 02 00 40 02"), parse) == bad);  // longer than a record
}

}  // namespace
}  // namespace fairlead::wire
