#include "common/wire/first_bytes.h"

#include "tests/support/codec_checks.h"

namespace fairlead::wire {
namespace {

using namespace fairlead::test;

constexpr auto parse = classify_first_bytes;

// What it is and after how many bytes that is known; nothing is consumed.
void check_known(const Bytes& in, FirstBytes expected, std::size_t after) {
  check_splits(in, parse);
  const auto answer = parse(in);
  REQUIRE(std::holds_alternative<Done<FirstBytes>>(answer));
  CHECK(std::get<Done<FirstBytes>>(answer).value == expected);
  CHECK(std::get<Done<FirstBytes>>(answer).consumed == 0);
  CHECK(decided_after(in, parse) == after);
}

TEST_CASE("TLS is known by its first byte, a ticket by four") {
  check_known(from_hex("16 03 01 02 00"), FirstBytes::tls, 1);
  check_known(from_hex("f1 46 4c 44 01"), FirstBytes::ticket, 4);
  check_known(from_hex("f1 46 4c 56 01"), FirstBytes::verify, 4);
  CHECK(needs_more(parse({})));
}

TEST_CASE("tunnels are known by their first byte, which is their machine's to judge") {
  check_known(from_hex("05 01 00"), FirstBytes::socks5, 1);
  for (const std::string_view in : {"CONNECT web.home:443 HTTP/1.1", "GET / HTTP/1.1", "PROXY TCP4 "}) {
    check_known(from_text(in), FirstBytes::http, 1);
  }
}

TEST_CASE("everything else is refused at the first byte that tells") {
  for (const std::string_view in : {"get / HTTP/1.1", "\x04\x01", "\x06\x01", "\x80\x2e", "\xf0", "@", "["}) {
    CHECK(refused(from_text(in), parse) == Reason::client_not_tls);
    CHECK(decided_after(from_text(in), parse) == 1);
  }
  CHECK(decided_after(from_hex("f1 47 4c 44"), parse) == 2);
  CHECK(decided_after(from_hex("f1 46 4d 44"), parse) == 3);
  CHECK(refused(from_hex("f1 46 4c 45"), parse) == Reason::client_not_tls);
  CHECK(refused(from_hex("15 03 03 00 02 02 28"), parse) == Reason::client_not_tls);
}

}  // namespace
}  // namespace fairlead::wire
