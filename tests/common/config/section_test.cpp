#include "common/config/section.h"

#include <doctest/doctest.h>

#include <map>
#include <string>

using namespace fairlead;
using namespace fairlead::config;

namespace {

enum class Colour { red, green };
constexpr Section::Choice<Colour> kColours[] = {{"red", Colour::red}, {"green", Colour::green}};

Environment variables(std::map<std::string, std::string> values) {
  return [values](const std::string& name) -> std::optional<std::string> {
    const auto found = values.find(name);
    if (found == values.end()) return std::nullopt;
    return found->second;
  };
}

// A document and what reading it found.
struct Reading {
  explicit Reading(const std::string& text, UnknownKeys unknown = UnknownKeys::refuse)
      : value(parse_toml(text, "f.toml").value()),
        report(unknown, variables({{"HOME_DIR", "/home/x"}, {"SECRET", "hunter2"}, {"EMPTY", ""}})),
        root(value, "f.toml", "", report) {}

  std::string error() const { return report.failed() ? report.error().detail : ""; }

  Value value;
  Report report;
  Section root;
};

}  // namespace

TEST_CASE("getters give what stands there, or the default") {
  Reading in(
      "t = 'x'\nn = 5\nd = '250ms'\ns = '64KiB'\nb = 1024\nc = 'green'\nl = ['a', 'b']\n[sub]\nk = "
      "'v'\n[[many]]\n[[many]]\n");
  CHECK(in.root.text("t", "y") == "x");
  CHECK(in.root.text("t2", "y") == "y");
  CHECK(in.root.integer("n", {1, 9}, 3) == 5);
  CHECK(in.root.integer("n2", {1, 9}, 3) == 3);
  CHECK(in.root.duration("d", {0s, 1s}, 5s) == 250ms);
  CHECK(in.root.duration("d2", {0s, 1s}, 5s) == 5s);
  CHECK(in.root.size("s", {0, 100'000}, 1) == 65536);
  CHECK(in.root.size("b", {0, 100'000}, 1) == 1024);
  CHECK(in.root.one_of("c", kColours, Colour::red) == Colour::green);
  CHECK(in.root.one_of("c2", kColours, Colour::red) == Colour::red);
  const auto list = in.root.texts("l");
  REQUIRE(list.size() == 2);
  CHECK(list[1].value == "b");
  CHECK(list[1].key == "l[2]");
  CHECK(in.root.texts("l2").empty());
  Section sub = in.root.table("sub");
  CHECK(sub.text("k", "") == "v");
  sub.done();
  in.root.table("absent").done();
  CHECK(in.root.tables("many").size() == 2);
  CHECK(in.root.tables("none").empty());
  in.root.done();
  CHECK(in.error().empty());
}

TEST_CASE("wrong kinds name file, line, key, what is there and what is allowed") {
  const std::string text = "\nt = 5\nn = '5'\nd = 5\ns = true\nc = []\nl = 'a'\nm = ['a', 1]\nsub = 1\nmany = [1]\n";
  const auto error = [&text](auto read) {
    Reading in(text);
    read(in.root);
    return in.error();
  };
  CHECK(error([](Section& s) { s.text("t", ""); }) == "f.toml:2: t: must be a string, is an integer");
  CHECK(error([](Section& s) { s.integer("n", {1, 9}, 1); }) ==
        "f.toml:3: n: must be an integer, is a string; allowed: 1 to 9");
  CHECK(error([](Section& s) { s.duration("d", {0s, 1s}, 1s); }) ==
        "f.toml:4: d: must be a string, is an integer; allowed: a whole number and a unit (ms, s, m, h, d), such as "
        "\"5s\"");
  CHECK(error([](Section& s) { s.size("s", {0, 1}, 1); }).starts_with("f.toml:5: s: is not a size; allowed: "));
  CHECK(error([](Section& s) { s.one_of("c", kColours, Colour::red); }) ==
        "f.toml:6: c: must be a string, is a list; allowed: red, green");
  CHECK(error([](Section& s) { s.texts("l", "a list of names"); }) ==
        "f.toml:7: l: must be a list, is a string; allowed: a list of names");
  CHECK(error([](Section& s) { s.texts("m"); }) == "f.toml:8: m[2]: must be a string, is an integer");
  CHECK(error([](Section& s) { s.table("sub"); }) == "f.toml:9: sub: must be a table, is an integer; allowed: [sub]");
  CHECK(error([](Section& s) { s.tables("many"); }) ==
        "f.toml:10: many[1]: must be a table, is an integer; allowed: [[many]]");
}

TEST_CASE("values out of range or unknown say what is allowed") {
  const std::string text = "n = 10\nd = '2h'\ne = '5'\ns = '1MiB'\nneg = -1\nc = 'blue'\nempty = ''\n";
  const auto error = [&text](auto read) {
    Reading in(text);
    read(in.root);
    return in.error();
  };
  CHECK(error([](Section& s) { s.integer("n", {1, 9}, 1); }) == "f.toml:1: n: 10 is out of range; allowed: 1 to 9");
  CHECK(error([](Section& s) { s.duration("d", {10ms, 1h}, 1s); }) ==
        "f.toml:2: d: \"2h\" is out of range; allowed: 10ms to 1h");
  CHECK(
      error([](Section& s) { s.duration("e", {10ms, 1h}, 1s); }).starts_with("f.toml:3: e: \"5\" is not a duration; "));
  CHECK(error([](Section& s) { s.size("s", {1024, 65536}, 1024); }) ==
        "f.toml:4: s: 1MiB is out of range; allowed: 1KiB to 64KiB");
  CHECK(error([](Section& s) { s.size("neg", {0, 1}, 1); }).starts_with("f.toml:5: neg: is not a size; "));
  CHECK(error([](Section& s) { s.one_of("c", kColours, Colour::red); }) ==
        "f.toml:6: c: \"blue\" is not known; allowed: red, green");
  CHECK(error([](Section& s) { s.required_text("empty", "a path"); }) == "f.toml:7: empty: is empty; allowed: a path");
  CHECK(error([](Section& s) { s.required_text("gone", "a path"); }) == "f.toml:1: gone: is missing; allowed: a path");
  CHECK(error([](Section& s) { s.not_available("n", "counting"); }) ==
        "f.toml:1: n: counting is not available in this version; allowed: leave it out");
}

TEST_CASE("unknown keys are refused with the nearest known one") {
  Reading in("[server]\nlisen = 'x'\n");
  Section server = in.root.table("server");
  server.text("listen", "");
  server.text("workers", "");
  server.done();
  CHECK(in.error() == "f.toml:2: server.lisen: unknown key, the nearest is \"listen\"; allowed: listen, workers");
}

TEST_CASE("an unknown key outranks the required one it was meant to be") {
  Reading in("pth = 'x'\n");
  in.root.required_text("path", "a path");
  in.root.done();
  CHECK(in.error() == "f.toml:1: pth: unknown key, the nearest is \"path\"; allowed: path");
}

TEST_CASE("the first problem stays") {
  Reading in("a = 1\nb = 2\n");
  in.root.text("a", "");
  in.root.text("b", "");
  in.root.refuse("c", "is missing", "");
  CHECK(in.error() == "f.toml:1: a: must be a string, is an integer");
}

TEST_CASE("lenient: unknown keys are warnings, other problems are not") {
  Reading in("knwn = 1\nother = 2\n", UnknownKeys::warn);
  in.root.text("known", "");
  in.root.done();
  CHECK_FALSE(in.report.failed());
  REQUIRE(in.report.warnings().size() == 2);
  CHECK(in.report.warnings()[0] == "f.toml:1: knwn: unknown key, the nearest is \"known\"; allowed: known");

  Reading wrong("known = 1\n", UnknownKeys::warn);
  wrong.root.text("known", "");
  CHECK(wrong.report.failed());

  std::string many;
  for (int i = 0; i < 1000; ++i) many += "k" + std::to_string(i) + " = 1\n";
  Reading flood(many, UnknownKeys::warn);
  flood.root.done();
  CHECK(flood.report.warnings().size() == 50);
}

TEST_CASE("tables x-... are ignored; a key of that name is not") {
  Reading in("[x-notes]\nany = '${UNSET}'\n[[x-list]]\n[server.x-inner]\n");
  in.root.table("server").done();
  in.root.done();
  CHECK(in.error().empty());
  Reading key("x-key = 1\n");
  key.root.done();
  CHECK(key.error().starts_with("f.toml:1: x-key: unknown key"));
  Reading list("x-list = [1]\n");
  list.root.done();
  CHECK(list.error().starts_with("f.toml:1: x-list: unknown key"));
}

TEST_CASE("keys with line breaks stay on one line of the message") {
  Reading in("\"a\\nb\" = 1\n");
  in.root.text("c", "");
  in.root.done();
  CHECK(in.error().starts_with("f.toml:1: a?b: unknown key"));
}

TEST_CASE("environment variables are expanded in strings") {
  Reading in(
      "a = '${HOME_DIR}/f'\nb = 'x${EMPTY}y${HOME_DIR}'\nc = '$${HOME_DIR} $x {trust_domain} $'\nl = ['${SECRET}']\n");
  CHECK(in.root.text("a", "") == "/home/x/f");
  CHECK(in.root.text("b", "") == "xy/home/x");
  CHECK(in.root.text("c", "") == "${HOME_DIR} $x {trust_domain} $");
  CHECK(in.root.texts("l").front().value == "hunter2");
  CHECK(in.error().empty());
}

TEST_CASE("variables that cannot be expanded are refused") {
  const auto error = [](const std::string& text) {
    Reading in(text);
    CHECK(in.root.text("a", "default") == "default");
    return in.error();
  };
  CHECK(error("\na = 'x${UNSET}'\n") ==
        "f.toml:2: a: the environment variable UNSET is not set; allowed: a variable that is set");
  CHECK(error("a = '${'\n").starts_with("f.toml:1: a: "));
  CHECK(error("a = '${}'\n").starts_with("f.toml:1: a: "));
  CHECK(error("a = '${HOME_DIR'\n").starts_with("f.toml:1: a: "));
  CHECK(error("a = '''${\nHOME_DIR}'''\n").starts_with("f.toml:1: a: \"${?HOME_DIR\" does not name"));
  CHECK(error("a = '${" + std::string(100'000, 'X') + "}'\n").size() < 300);
  CHECK(error("a = '${1X}'\n").starts_with("f.toml:1: a: "));
  CHECK(error("a = '${A-B}'\n").starts_with("f.toml:1: a: "));
  CHECK(error("a = '${A\\B}'\n").starts_with("f.toml:1: a: "));
}

TEST_CASE("a message never repeats what a variable held") {
  Reading in("c = '${SECRET}'\n");
  in.root.one_of("c", kColours, Colour::red);
  CHECK(in.error() == "f.toml:1: c: \"${SECRET}\" is not known; allowed: red, green");
}

TEST_CASE("a section reports its own line where a key is missing") {
  Reading in("\n\n[[service]]\n[[service]]\nx = 1\n");
  auto services = in.root.tables("service");
  REQUIRE(services.size() == 2);
  services[1].refuse("name", "is missing", "");
  CHECK(in.error() == "f.toml:4: service[2].name: is missing");
}
