#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "common/config/value.h"

using namespace fairlead;
using namespace fairlead::config;

namespace {

std::string error_of(const std::string& text) {
  const auto parsed = parse_toml(text, "f.toml");
  return parsed ? std::string() : parsed.error().detail;
}

std::string repeat(std::string_view part, std::size_t times) {
  std::string out;
  for (std::size_t i = 0; i < times; ++i) out += part;
  return out;
}

}  // namespace

TEST_CASE("values keep their kinds and lines") {
  const auto root = parse_toml(
      "text = 'a'\n"
      "number = 7\n"
      "[table]\n"
      "truth = true\n"
      "real = 1.5\n"
      "day = 2020-01-01\n"
      "list = [1,\n  'two']\n",
      "f.toml");
  REQUIRE(root);
  REQUIRE(root->members.size() == 3);
  const Value& table = root->members[1].value;
  CHECK(root->members[0].key == "number");
  CHECK(root->members[0].value.integer == 7);
  CHECK(root->members[0].value.line == 2);
  CHECK(root->members[2].value.text == "a");
  CHECK(table.line == 3);
  REQUIRE(table.members.size() == 4);
  CHECK(table.members[0].value.kind == Kind::time);
  CHECK(table.members[1].value.items[0].kind == Kind::integer);
  CHECK(table.members[1].value.items[1].line == 8);
  CHECK(table.members[2].value.kind == Kind::real);
  CHECK(table.members[3].value.kind == Kind::boolean);
}

TEST_CASE("what is not TOML is refused with file, line and key") {
  CHECK(error_of("a = 1\nb = \n").starts_with("f.toml:2: b: "));
  CHECK(error_of("a = 1\na = 2\n").starts_with("f.toml:2: a: "));
  CHECK(error_of("[t]\n[t]\n").starts_with("f.toml:2: t: "));
  CHECK(error_of("[t\n").starts_with("f.toml:1: t: "));
  CHECK(error_of("\n\nx = 'abc\n").starts_with("f.toml:3: x: "));
  CHECK(error_of("x = [1, 2\n").starts_with("f.toml:"));
  CHECK(error_of("= 1\n").starts_with("f.toml:1: syntax: "));
  CHECK(error_of("x = 0x\n").starts_with("f.toml:1: x: "));
  CHECK(error_of("x = 99999999999999999999\n").starts_with("f.toml:1: x: "));
  CHECK(error_of("x = \"\\q\"\n").starts_with("f.toml:1: x: "));
  CHECK(error_of("x = '\xff\xfe'\n").starts_with("f.toml:1: x: "));
  CHECK(error_of("just words\n").starts_with("f.toml:1: just words: "));
  CHECK(error_of("[[a]]\n[a]\n").starts_with("f.toml:2: a: "));
  CHECK(error_of("a = 1\n[a.b]\n").starts_with("f.toml:2: a.b: "));
}

TEST_CASE("errors are one line") {
  for (const std::string text :
       {"a = 1\n\"x\\n\" = 1\n\"x\\n\" = 2\n", "a = \x01\n", "\r\r\n = \n", "\xef\xbb\xbf=\n"}) {
    const std::string error = error_of(text);
    CHECK_FALSE(error.empty());
    CHECK(error.find('\n') == std::string::npos);
  }
}

TEST_CASE("nesting is limited before the stack is") {
  const std::size_t many = 200'000;
  CHECK_FALSE(error_of("x = " + repeat("[", many)).empty());
  CHECK_FALSE(error_of("x = " + repeat("{a=", many)).empty());
  CHECK_FALSE(error_of("x = " + repeat("[", kMaxNesting + 2) + repeat("]", kMaxNesting + 2)).empty());
  CHECK(error_of("x = " + repeat("[", kMaxNesting - 1) + repeat("]", kMaxNesting - 1)).empty());
}

TEST_CASE("a key has a limited number of parts, wherever it stands") {
  const std::string deep = repeat("a.", 200'000) + "a";
  const std::string shallow = repeat("a.", kMaxKeyParts - 1) + "a";
  CHECK(error_of(shallow + " = 1\n").empty());
  CHECK(error_of("[" + shallow + "]\n").empty());
  for (const std::string& text :
       {deep + " = 1", "[" + deep + "]", "[[" + deep + "]]", "\n x = { " + deep + " = 1 }",
        "x = { y = \"\"\"a\"\"\"\"\", " + deep + " = 1 }", "x = { y = '#', " + deep + " = 1 }",
        "x = { y = \"\\\"\", " + deep + " = 1 }", repeat("a . ", 200'000) + "a = 1",
        repeat("\"a\".", 200'000) + "a = 1", "x = ''''''\n" + deep + " = 1"}) {
    CAPTURE(text.substr(0, 40));
    const std::string error = error_of(text);
    CHECK(error.find("too many dots; allowed: at most 32 parts") != std::string::npos);
    CHECK(error.size() < 400);
  }
}

TEST_CASE("dots in strings and comments are no key") {
  const std::string dots = repeat(".", 1000);
  CHECK(error_of("# " + dots + "\nx = '" + dots + "' # " + dots + "\ny = \"\\\"" + dots + "\"\n").empty());
  CHECK(error_of("x = '''" + dots + "\n" + dots + "'''\ny = \"\"\"" + dots + "\\\"\"\"\"\n").empty());
}

TEST_CASE("table headers need a name") {
  for (const std::string header : {"[", "[[", "[[[a]]]", "[[=", "[]", "[[]]", "[ ]", "[.a]", "[#]", "[\n]", "[\n"}) {
    CAPTURE(header);
    CHECK(error_of("a = 1\n" + header).starts_with("f.toml:2: "));
    CHECK(error_of("a = [\n1]\n " + header).starts_with("f.toml:3: "));
  }
  CHECK(error_of("a = [\n[[1]],\n[ [2] ]]\n[[b]]\n[ 'c' ]\n[[ d ]]\n").empty());
}

TEST_CASE("characters outside ASCII stand in strings and comments only") {
  for (const std::string text :
       {"\u00e9 = 1", "a.\u00e9 = 1", "a = 1\u00e9", "a = \u00e9", "a = [1,\u00e9 2]", "[a]\u00e9", "a = 'b'\u00e9",
        "a = \"\"\"\\\u00e9\"\"\"", "a = \"\"\"b\"\"\"\"\"\u00e9", "a = 5\"1e474\u0156b\"", "a = 1\u180f"}) {
    CAPTURE(text);
    CHECK(error_of(text).starts_with("f.toml:1: "));
  }
  CHECK(error_of("\xef\xbb\xbf# \u00e9\na = '\u00e9'\nb = \"\u00e9\"\n'\u00e9' = '''\u00e9\n\u00e9'''\n"
                 "c = \"\"\"\u00e9\n\\\\\u00e9 \\\n \u00e9\"\"\"\n")
            .empty());
}

TEST_CASE("files are limited and must exist") {
  CHECK(error_of(std::string(kMaxFileBytes, '\n')).empty());
  CHECK(error_of(std::string(kMaxFileBytes + 1, '\n')).find("too long") != std::string::npos);
  const auto missing = read_toml("/nonexistent/f.toml");
  REQUIRE_FALSE(missing);
  CHECK(missing.error().reason == Reason::config_invalid);
  CHECK(missing.error().detail == "/nonexistent/f.toml: cannot be opened: No such file or directory");
  CHECK(read_toml("/").error().detail == "/: cannot be read: Is a directory");

  const auto path = std::filesystem::temp_directory_path() / ("fairlead-toml-" + std::to_string(::getpid()));
  std::ofstream(path) << "a = 1\n";
  const auto read = read_toml(path);
  REQUIRE(read);
  CHECK(read->members.size() == 1);
  std::ofstream(path) << std::string(kMaxFileBytes + 1, ' ');
  CHECK_FALSE(read_toml(path));
  std::filesystem::remove(path);
}
