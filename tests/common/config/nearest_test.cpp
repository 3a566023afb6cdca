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

TEST_CASE("two swapped letters are one edit") {
  constexpr std::string_view kKnown[] = {"run", "check", "status"};
  CHECK(nearest("rnu", kKnown) == "run");
  CHECK(nearest("hceck", kKnown) == "check");
  CHECK(nearest("statsu", kKnown) == "status");
}

TEST_CASE("what is not near is not suggested") {
  constexpr std::string_view kKnown[] = {"run", "check", "service", "nat", "a"};
  for (const std::string& word : {std::string("server"), std::string("banana"), std::string("b"), std::string(""),
                                  std::string("net work"), std::string(1'000'000, 'x')}) {
    CAPTURE(word.substr(0, 20));
    CHECK(nearest(word, kKnown).empty());
  }
  CHECK(nearest("servise", kKnown) == "service");
  CHECK(nearest("net", kKnown) == "nat");
  CHECK(nearest("a", {}).empty());
  constexpr std::string_view kLong[] = {"relays_per_source", "relays_max", "idle_timeout"};
  CHECK(nearest("relays", kLong) == "relays_per_source");
  CHECK(nearest("idle", kLong) == "idle_timeout");
  CHECK(nearest("timeout", kLong).empty());
  CHECK(nearest("id", kLong).empty());
  CHECK(nearest_hint("servise", kKnown) == ", the nearest is \"service\"");
  CHECK(nearest_hint("server", kKnown).empty());
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
