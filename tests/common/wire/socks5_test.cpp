#include "common/wire/socks5.h"

#include "tests/support/codec_checks.h"

namespace fairlead::wire {
namespace {

using namespace fairlead::test;

std::optional<Reason> greeting_refused(std::string_view hex) {
  return refused(from_hex(hex), parse_socks_greeting);
}
std::optional<Reason> request_refused(std::string_view hex) {
  return refused(from_hex(hex), parse_socks_request);
}
SocksRequest request(std::string_view hex) {
  return check_message<SocksRequest>(from_hex(hex), parse_socks_request);
}

TEST_CASE("a greeting offers methods, of which one matters") {
  CHECK(check_message<SocksGreeting>(from_hex("05 01 00"), parse_socks_greeting).open);
  CHECK(check_message<SocksGreeting>(from_hex("05 03 02 01 00"), parse_socks_greeting).open);
  CHECK_FALSE(check_message<SocksGreeting>(from_hex("05 02 02 01"), parse_socks_greeting).open);
  Bytes most(257, 2);
  most[0] = 5;
  most[1] = 255;
  CHECK_FALSE(check_message<SocksGreeting>(most, parse_socks_greeting).open);
  check_round_trip(SocksGreeting{true}, parse_socks_greeting,
                   [](ByteWriter& out) { write_socks_greeting({true}, out); });
}

TEST_CASE("what is no greeting") {
  CHECK(greeting_refused("04 01 00") == Reason::socks_malformed);
  CHECK(greeting_refused("05 00") == Reason::socks_malformed);
  CHECK(decided_after(from_hex("04 01 00"), parse_socks_greeting) == 1);
}

TEST_CASE("a request by name") {
  CHECK(request("05 01 00 03 08 77 65 62 2e 68 6f 6d 65 01 bb") == SocksRequest{"web.home", 443});
  CHECK(request("05 01 00 03 01 61 00 00") == SocksRequest{"a", 0});
  const SocksRequest longest{std::string(255, 'a'), 65535};
  check_round_trip(longest, parse_socks_request, [&](ByteWriter& out) { write_socks_request(longest, out); });
}

TEST_CASE("a request by address is read, too") {
  CHECK(request("05 01 00 01 c0 00 02 01 00 50") == SocksRequest{"192.0.2.1", 80});
  CHECK(request("05 01 00 04 20 01 0d b8 00 00 00 00 00 00 00 00 00 00 00 01 00 50") ==
        SocksRequest{"2001:db8::1", 80});
}

TEST_CASE("what is asked for and not served, at the byte that says it") {
  CHECK(request_refused("05 02 00 01 c0 00 02 01 00 50") == Reason::socks_command);
  CHECK(request_refused("05 03 00 03 01 61 00 50") == Reason::socks_command);
  CHECK(request_refused("05 01 00 02") == Reason::socks_address_type);
  CHECK(request_refused("05 01 00 00") == Reason::socks_address_type);
  CHECK(decided_after(from_hex("05 02 00 01 c0"), parse_socks_request) == 2);
  CHECK(decided_after(from_hex("05 01 00 02 c0"), parse_socks_request) == 4);
}

TEST_CASE("what is no request") {
  CHECK(request_refused("04 01 00 03 01 61 00 50") == Reason::socks_malformed);
  CHECK(request_refused("05 01 01 03 01 61 00 50") == Reason::socks_malformed);
  CHECK(request_refused("05 01 00 03 00") == Reason::socks_malformed);
  for (const char* odd : {"00", "20", "0a", "7f", "c3"}) {
    CHECK(request_refused("05 01 00 03 03 61 " + std::string(odd) + " 62 00 50") == Reason::socks_malformed);
  }
}

TEST_CASE("choice and reply as they are on the wire") {
  Bytes out;
  ByteWriter writer(out);
  write_socks_choice({true}, writer);
  write_socks_choice({false}, writer);
  CHECK(to_hex(out) == "050005ff");
  out.clear();
  write_socks_reply(SocksReply::host_unreachable, writer);
  CHECK(to_hex(out) == "05040001000000000000");
}

}  // namespace
}  // namespace fairlead::wire
