#include "common/wire/session_id.h"

#include <algorithm>

#include "tests/support/doctest.h"

namespace fairlead::wire {
namespace {

SessionId id_of(std::string_view text) {
  SessionId out{};
  std::copy_n(text.begin(), std::min(text.size(), out.size()), out.begin());
  return out;
}

TEST_CASE("an id that could be an instruction to somebody else is refused") {
  for (const std::string_view text : {"\nFLUSHALL\n", "\r\nFLUSHALL\r\n", "12345678\nQUIT\r\n", "abcdef",
                                      "\x01\x02\x03\x04GET / H", "\n\nls\n", "\rls"}) {
    CAPTURE(text);
    CHECK_FALSE(is_harmless(id_of(text)));
  }
  for (const std::string_view text : {"", "abcde", "\nA\nB\nC\nD", "\x80\x90 abc \x01", "\x0a\x80\x80"}) {
    CAPTURE(text);
    CHECK(is_harmless(id_of(text)));
  }
}

TEST_CASE("of random ids nearly all are taken") {
  SeededRng rng(7);
  int refused = 0;
  for (int i = 0; i < 10'000; ++i) {
    SessionId id{};
    rng.fill(id);
    refused += is_harmless(id) ? 0 : 1;
  }
  CHECK(refused < 10'000 / 20);
}

TEST_CASE("what is drawn is harmless") {
  SeededRng rng(7);
  for (int i = 0; i < 10'000; ++i) {
    if (!is_harmless(draw_session_id(rng))) FAIL("drawn: ", i);
  }
}

}  // namespace
}  // namespace fairlead::wire
