#include "common/base/pattern.h"

#include "tests/support/doctest.h"

namespace fairlead {
namespace {

constexpr auto kName = PatternKind::name;
constexpr auto kSpiffe = PatternKind::spiffe;

bool matches(PatternKind kind, std::string_view pattern, std::string_view text, Captures captures = {}) {
  return pattern_match(kind, pattern, text, captures);
}

TEST_CASE("a star is one whole label and never crosses a dot") {
  CHECK(matches(kName, "*.home", "web.home"));
  CHECK(matches(kName, "*", "web"));
  CHECK(matches(kName, "a.*.c", "a.b.c"));
  for (const char* text : {"home", ".home", "a.b.home", "web.home.", "web.homes", "web.hom", "web"}) {
    CAPTURE(std::string(text));
    CHECK_FALSE(matches(kName, "*.home", text));
  }
  CHECK_FALSE(matches(kName, "*", "web.home"));
  CHECK_FALSE(matches(kName, "*", ""));
}

TEST_CASE("SPIFFE ids: segments, and the rest") {
  CHECK(matches(kSpiffe, "spiffe://td/rendezvous/*", "spiffe://td/rendezvous/a"));
  CHECK(matches(kSpiffe, "spiffe://td/*/b", "spiffe://td/a.c/b"));  // dots are not separators here
  CHECK(matches(kSpiffe, "spiffe://td/**", "spiffe://td/a"));
  CHECK(matches(kSpiffe, "spiffe://td/**", "spiffe://td/a/b/c"));
  for (const char* text : {"spiffe://td", "spiffe://td/", "spiffe://other/a", "spiffe:/td/a", "https://td/a"}) {
    CAPTURE(std::string(text));
    CHECK_FALSE(matches(kSpiffe, "spiffe://td/**", text));
  }
  CHECK_FALSE(matches(kSpiffe, "spiffe://td/rendezvous/*", "spiffe://td/rendezvous/a/b"));
  CHECK_FALSE(matches(kSpiffe, "spiffe://td/rendezvous/*", "spiffe://td/rendezvous/"));
  CHECK_FALSE(matches(kSpiffe, "spiffe://td/rendezvous/*", "spiffe://td/rendezvous"));
}

TEST_CASE("captures are kept, must agree, and are untouched by a failed match") {
  Captures captures;
  CHECK(pattern_match(kSpiffe, "spiffe://{td}/agent/{cluster}/{name}", "spiffe://mesh/agent/home/nas1", captures));
  CHECK(captures == Captures{{"td", "mesh"}, {"cluster", "home"}, {"name", "nas1"}});
  CHECK(pattern_match(kName, "{service}.{cluster}", "web.home", captures));
  CHECK(captures.at("service") == "web");
  const Captures before = captures;
  CHECK_FALSE(pattern_match(kName, "{other}.{cluster}", "web.office", captures));
  CHECK_FALSE(pattern_match(kName, "{other}.home", "web", captures));
  CHECK_FALSE(pattern_match(kName, "{other}.home", ".home", captures));
  CHECK(captures == before);
  CHECK(matches(kName, "{x}.{x}", "a.a"));
  CHECK_FALSE(matches(kName, "{x}.{x}", "a.b"));
}

TEST_CASE("a capture does not let a value act as a pattern") {
  CHECK_FALSE(matches(kName, "{name}", "nas1", {{"name", "*"}}));
  // Expanding a wildcard into a pattern would; identities that hold one are refused where they are read.
  CHECK(pattern_expand("*.{cluster}", {{"cluster", "home"}}) == "*.home");
}

TEST_CASE("expansion") {
  const Captures captures{{"cluster", "home"}, {"name", "nas1"}};
  CHECK(pattern_expand("{name}.web.{cluster}", captures) == "nas1.web.home");
  CHECK(pattern_expand("{name}{name}", captures) == "nas1nas1");
  CHECK(pattern_expand("{other}.{cluster}", captures) == "{other}.home");
  CHECK(pattern_expand("plain", captures) == "plain");
  CHECK(pattern_expand("", captures) == "");
  CHECK(pattern_expand("{name", captures) == "{name");
  CHECK(pattern_expand("name}", captures) == "name}");
}

TEST_CASE("usable patterns") {
  for (const char* pattern : {"*", "web.home", "*.home", "{a}.{b}", "a.*.{c}"}) {
    CAPTURE(std::string(pattern));
    CHECK(pattern_valid(kName, pattern));
  }
  for (const char* pattern : {"spiffe://td/**", "spiffe://{td}/*/x"}) CHECK(pattern_valid(kSpiffe, pattern));
  for (const char* pattern :
       {"", "w*b.home", "*b", "web.**", "**", "{}", "{a", "a}", "{a}b", "x{a}", "{a*}", "{{a}}"}) {
    CAPTURE(std::string(pattern));
    CHECK_FALSE(pattern_valid(kName, pattern));
  }
  for (const char* pattern : {"spiffe://td/**/x", "spiffe://td/a**", "spiffe://*td/x", "spiffe://td/{a}{b}"}) {
    CAPTURE(std::string(pattern));
    CHECK_FALSE(pattern_valid(kSpiffe, pattern));
  }
}

TEST_CASE("names are compared lower-case and without one trailing dot") {
  CHECK(normalize_name("WEB.Home.") == "web.home");
  CHECK(normalize_name("web.home..") == "web.home.");
  CHECK(normalize_name(".") == "");
  CHECK(normalize_name("") == "");
  CHECK(normalize_name("B\xc3\x9c") == "b\xc3\x9c");  // ASCII only
  CHECK(normalize_name("@[`{") == "@[`{");            // the neighbours of the letters
}

TEST_CASE("labels") {
  for (const std::string& label : {std::string("a"), std::string("0"), std::string("a-b"), std::string(63, 'x')}) {
    CHECK(is_label(label));
  }
  for (const std::string& label :
       {std::string(), std::string("-a"), std::string("a-"), std::string("-"), std::string("A"), std::string("a_b"),
        std::string("a.b"), std::string("a b"), std::string("*"), std::string("\xc3\xbc"), std::string("a\0b", 3),
        std::string(64, 'x')}) {
    CAPTURE(label);
    CHECK_FALSE(is_label(label));
  }
}

}  // namespace
}  // namespace fairlead
