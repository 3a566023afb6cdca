#include "common/config/units.h"

#include <doctest/doctest.h>

using namespace fairlead;
using namespace fairlead::config;

TEST_CASE("durations have a whole number and one unit") {
  CHECK(parse_duration("250ms") == 250ms);
  CHECK(parse_duration("5s") == 5s);
  CHECK(parse_duration("2m") == 2min);
  CHECK(parse_duration("1h") == 1h);
  CHECK(parse_duration("7d") == 168h);
  CHECK(parse_duration("0s") == 0s);
  for (const char* bad : {"", "5", "s", "5 s", " 5s", "5s ", "-5s", "+5s", "1.5s", "1h30m", "5S", "5sec", "5us", "0x5s",
                          "99999999999999999999s", "9223372036854775807d"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_duration(bad));
  }
}

TEST_CASE("sizes have a whole number and a binary unit") {
  CHECK(parse_size("512B") == 512);
  CHECK(parse_size("64KiB") == 65536);
  CHECK(parse_size("1MiB") == 1048576);
  CHECK(parse_size("2GiB") == 2147483648);
  for (const char* bad :
       {"", "64", "KiB", "64KB", "64k", "64 KiB", "-1KiB", "1.5MiB", "64kib", "9223372036854775807KiB"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_size(bad));
  }
}

TEST_CASE("formatting takes the largest unit without a rest") {
  CHECK(format_duration(90s) == "90s");
  CHECK(format_duration(120s) == "2m");
  CHECK(format_duration(24h) == "1d");
  CHECK(format_duration(1500ms) == "1500ms");
  CHECK(format_duration(0s) == "0s");
  CHECK(format_size(65536) == "64KiB");
  CHECK(format_size(65537) == "65537B");
  CHECK(format_size(0) == "0B");
}
