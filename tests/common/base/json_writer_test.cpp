#include "common/base/json_writer.h"

#include <algorithm>
#include <limits>

#include "tests/support/doctest.h"

namespace fairlead {
namespace {

using namespace std::string_literals;

std::string written(std::string_view text) {
  return JsonWriter().value(text).take();
}

TEST_CASE("commas are placed where they belong") {
  JsonWriter json;
  json.begin_object().field("a", 1).key("b").begin_array().value("x").value(2).begin_object().end_object();
  json.begin_array().end_array().null().end_array().field("c", true).key("d").begin_object().field("e", false);
  json.end_object().end_object();
  CHECK(json.text() == R"({"a":1,"b":["x",2,{},[],null],"c":true,"d":{"e":false}})");
}

TEST_CASE("numbers") {
  const auto number = [](auto value) { return JsonWriter().value(value).take(); };
  CHECK(number(std::numeric_limits<std::int64_t>::min()) == "-9223372036854775808");
  CHECK(number(std::numeric_limits<std::uint64_t>::max()) == "18446744073709551615");
  CHECK(number(0) == "0");
  CHECK(number(1.5) == "1.5");
  CHECK(number(100.0) == "100");
  CHECK(number(0.0) == "0");
  CHECK(number(0.0000001) == "0");
  CHECK(number(12.0000004) == "12");
}

TEST_CASE("quotes, backslashes and control characters are escaped, in keys too") {
  CHECK(written("a\"b\\c") == R"("a\"b\\c")");
  CHECK(written("\n\r\t\b\x1f\x7f") == R"("\u000a\u000d\u0009\u0008\u001f\u007f")");
  CHECK(written("\xc2\x80\xc2\x9b[31m\xc2\x9f") == R"("\u0080\u009b[31m\u009f")");  // C1: terminals act on them
  CHECK(written("\0"s) == R"("\u0000")");
  CHECK(JsonWriter().begin_object().field("a\"", "/").end_object().text() == R"({"a\"":"/"})");
}

TEST_CASE("UTF-8 passes through") {
  for (const char* text : {"\xc2\xa0", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80", "\xef\xbf\xbf",
                           "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf", "gr\xc3\xbc\xc3\x9f"}) {
    CHECK(written(text) == "\"" + std::string(text) + "\"");
  }
}

TEST_CASE("what is not UTF-8 becomes a replacement character, a byte each") {
  const auto replaced = [](std::string_view text) {
    std::string out = written(text);
    std::size_t count = 0;
    for (std::size_t at = 0; (at = out.find("\\ufffd", at)) != std::string::npos; at += 6) ++count;
    CHECK(std::all_of(out.begin(), out.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; }));
    return count;
  };
  CHECK(replaced("\x80") == 1);              // a lone continuation
  CHECK(replaced("\xc0\xaf") == 2);          // overlong
  CHECK(replaced("\xe0\x80\xaf") == 3);      // overlong
  CHECK(replaced("\xed\xa0\x80") == 3);      // a surrogate
  CHECK(replaced("\xf4\x90\x80\x80") == 4);  // above U+10FFFF
  CHECK(replaced("\xff") == 1);
  CHECK(replaced("\xc3") == 1);  // cut short
  CHECK(replaced("\xe2\x82") == 2);
  CHECK(replaced("\xc3\"") == 1);  // the quote after it is still escaped
  CHECK(written("\xc3\"") == "\"\\ufffd\\\"\"");
}

}  // namespace
}  // namespace fairlead
