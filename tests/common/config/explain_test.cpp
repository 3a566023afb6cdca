#include "common/config/explain.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include "common/base/reason.h"

using namespace fairlead;
using namespace fairlead::config;

TEST_CASE("a known code is explained") {
  const Answer text = explain("config_invalid", AnswerFormat::text);
  CHECK(text.exit_code == 0);
  CHECK(text.out.starts_with("config_invalid\n  cause: "));
  CHECK(text.out.find("\n  next step: ") != std::string::npos);
  CHECK(text.err.empty());

  const Answer json = explain("config_invalid", AnswerFormat::json);
  CHECK(json.exit_code == 0);
  CHECK(json.out.starts_with(R"({"code":"config_invalid","cause":")"));
  CHECK(json.out.ends_with("\"}\n"));
}

TEST_CASE("without a code all are listed") {
  const Answer text = explain("", AnswerFormat::text);
  CHECK(text.exit_code == 0);
  CHECK(static_cast<std::size_t>(std::count(text.out.begin(), text.out.end(), '\n')) == 3 * reason_count());
  const Answer json = explain("", AnswerFormat::json);
  CHECK(json.out.starts_with(R"({"reasons":[{"code":"completed",)"));
  CHECK(json.out.ends_with("]}\n"));
}

TEST_CASE("an unknown code names the nearest and fails") {
  for (const auto format : {AnswerFormat::text, AnswerFormat::json}) {
    const Answer answer = explain("conf_invalid", format);
    CHECK(answer.exit_code == kExitUnusable);
    CHECK(answer.out.empty());
    CHECK(answer.err.find("\"conf_invalid\"") != std::string::npos);
    CHECK(answer.err.find("code, the nearest is \"config_invalid\"; ") != std::string::npos);
    CHECK(std::count(answer.err.begin(), answer.err.end(), '\n') == 1);
  }
  CHECK(explain("CONFIG_INVALID", AnswerFormat::text).exit_code == kExitUnusable);
  CHECK(std::ranges::count(explain("a\nb", AnswerFormat::text).err, '\n') == 1);
}
