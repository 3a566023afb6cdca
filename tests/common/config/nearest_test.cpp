#include "common/config/nearest.h"

#include <doctest/doctest.h>

using namespace fairlead::config;

TEST_CASE("the nearest word has the fewest edits") {
  constexpr std::string_view kKnown[] = {"listen", "names", "workers", "drain_delay", "drain_timeout"};
  CHECK(nearest("lisen", kKnown) == "listen");
  CHECK(nearest("listten", kKnown) == "listen");
  CHECK(nearest("worker", kKnown) == "workers");
  CHECK(nearest("drain_dealy", kKnown) == "drain_delay");
  CHECK(nearest("drain_timeuot", kKnown) == "drain_timeout");
  CHECK(nearest("names", kKnown) == "names");
}

TEST_CASE("there is always an answer while something is known") {
  constexpr std::string_view kKnown[] = {"a", "b"};
  CHECK(nearest("", kKnown) == "a");
  CHECK(nearest("zzzz", kKnown) == "a");
  CHECK(nearest(std::string(1'000'000, 'x'), kKnown) == "a");
  CHECK(nearest("a", {}).empty());
}

TEST_CASE("what is shown stays short and on one line") {
  CHECK(one_line("a\r\nb") == "a??b");
  CHECK(one_line("\xc3\xa4") == "\xc3\xa4");
  CHECK(shown("plain") == "plain");
  CHECK(shown("a\nb\tc\x7f") == "a?b?c?");
  CHECK(shown(std::string(kMaxShown, 'x')) == std::string(kMaxShown, 'x'));
  CHECK(shown(std::string(kMaxShown + 1, 'x')) == std::string(kMaxShown, 'x') + "...");
  // No half of a character is left at the cut.
  const std::string wide = std::string(kMaxShown - 1, 'x') + "\xc3\xa4" + "yz";
  CHECK(shown(wide) == std::string(kMaxShown - 1, 'x') + "...");
}
