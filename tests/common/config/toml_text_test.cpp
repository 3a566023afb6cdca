#include "common/config/toml_text.h"

#include <doctest/doctest.h>

#include "common/config/section.h"

using namespace fairlead;
using namespace fairlead::config;

TEST_CASE("what is written is read as what it was") {
  for (const std::string text : {"", "plain", "\"quoted\" \\ back", "tab\tline\nend\r", "${HOME}", "$${", "$$${${", "$",
                                 "\x01\x1f", "\xc3\xa4"}) {
    CAPTURE(text);
    const auto value = parse_toml("a = " + toml_text(text) + "\nb = " + toml_list({"x", text}) + "\n", "f.toml");
    REQUIRE(value);
    Report report(UnknownKeys::refuse, [](const std::string&) { return std::nullopt; });
    Section section(*value, "f.toml", "", report);
    CHECK(section.text("a", "") == text);
    const auto list = section.texts("b");
    REQUIRE(list.size() == 2);
    CHECK(list[1].value == text);
    CHECK_FALSE(report.failed());
  }
  CHECK(toml_list({}) == "[]");
}
