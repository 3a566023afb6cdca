#include "common/base/reason.h"

#include <set>
#include <string>

#include "tests/support/doctest.h"

namespace fairlead {
namespace {

bool snake_case(std::string_view code) {
  return !code.empty() && code.front() >= 'a' && code.front() <= 'z' && code.back() != '_' &&
         code.find("__") == std::string_view::npos &&
         code.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string_view::npos;
}

TEST_CASE("every code is snake_case, unique, found again, and has a cause and a next step") {
  std::set<std::string_view> seen;
  for (std::size_t i = 0; i < reason_count(); ++i) {
    const auto reason = static_cast<Reason>(i);
    const ReasonText& text = reason_text(reason);
    CAPTURE(std::string(text.code));
    CHECK(snake_case(text.code));
    CHECK(seen.insert(text.code).second);
    CHECK(find_reason(text.code) == reason);
    CHECK(reason_code(reason) == text.code);
    CHECK_FALSE(text.cause.empty());
    CHECK_FALSE(text.next_step.empty());
  }
}

TEST_CASE("texts are one line without a closing full stop: they are printed within other text") {
  for (std::size_t i = 0; i < reason_count(); ++i) {
    const ReasonText& text = reason_text(static_cast<Reason>(i));
    CAPTURE(std::string(text.code));
    for (const std::string_view part : {text.cause, text.next_step}) {
      CHECK(part.find('\n') == std::string_view::npos);
      CHECK(part.back() != '.');
    }
  }
}

TEST_CASE("unknown codes are not found") {
  for (const char* code : {"", "no_such_code", "COMPLETED", "completed ", "complete"}) {
    CHECK_FALSE(find_reason(code).has_value());
  }
  CHECK(find_reason("client_not_tls") == Reason::client_not_tls);
}

}  // namespace
}  // namespace fairlead
