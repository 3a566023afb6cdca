#include "common/tls/time_text.h"

#include "tests/support/doctest.h"

using namespace fairlead;
using namespace fairlead::tls;

TEST_CASE("times are RFC 3339 in UTC") {
  CHECK(time_text(WallTime()) == "1970-01-01T00:00:00Z");
  CHECK(time_text(WallTime(std::chrono::seconds(951827696))) == "2000-02-29T12:34:56Z");
  CHECK(time_text(WallTime(std::chrono::seconds(-1))) == "1969-12-31T23:59:59Z");
  CHECK(time_text(WallTime(std::chrono::seconds(253402300799))) == "9999-12-31T23:59:59Z");
}
