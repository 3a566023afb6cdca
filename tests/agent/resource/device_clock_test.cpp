// What time a device believes it is: from 1970, from before its certificate, from a server.
#include "agent/resource/device_clock.h"

#include <fstream>

#include "tests/support/doctest.h"
#include "tests/support/test_ca.h"

using namespace fairlead;
using namespace fairlead::agent;
using test::TempDir;
using Kind = tls::ClockReading::Kind;

namespace {

constexpr std::chrono::days kDay{1};
constexpr WallTime kBuilt = std::chrono::sys_days{std::chrono::year{2030} / 1 / 1};
constexpr WallTime kOwnBegin = kBuilt + 10 * kDay;
constexpr WallTime kServerTime = kBuilt + 100 * kDay;
constexpr WallTime kServerUntil = kServerTime + 365 * kDay;
constexpr WallTime k1970{};

// A host that has been up for `up`.
HostTime host(WallTime system, std::chrono::seconds up = 0s) {
  return {system, TimePoint(up)};
}

void check_reads(const DeviceClock& clock, const HostTime& now, WallTime time, Kind kind) {
  const tls::ClockReading reading = clock.read(now);
  CHECK(reading.time == time);
  CHECK(reading.kind == kind);
}

std::string content_of(const std::string& file) {
  std::ifstream in(file);
  std::string line;
  std::getline(in, line);
  return line;
}

void write(const std::string& file, std::string_view text) {
  std::ofstream(file) << text;
}

}  // namespace

TEST_CASE("a system clock that may be right is believed") {
  const DeviceClock clock("", kBuilt, kOwnBegin);
  check_reads(clock, host(kOwnBegin), kOwnBegin, Kind::exact);
  check_reads(clock, host(kServerTime), kServerTime, Kind::exact);
}

TEST_CASE("a system clock before what is known to have been is wrong") {
  SUBCASE("the own certificate is the newest") {
    const DeviceClock clock("", kBuilt, kOwnBegin);
    check_reads(clock, host(k1970), kOwnBegin, Kind::earliest);
    check_reads(clock, host(kOwnBegin - 1s), kOwnBegin, Kind::earliest);
  }
  SUBCASE("the build is the newest") {
    const DeviceClock clock("", kBuilt, kBuilt - kDay);
    check_reads(clock, host(k1970), kBuilt, Kind::earliest);
    check_reads(clock, host(kBuilt), kBuilt, Kind::exact);
  }
}

TEST_CASE("another certificate takes the place of the first") {
  DeviceClock clock("", kBuilt, kOwnBegin);
  clock.on_certificate(kOwnBegin + 5 * kDay);
  check_reads(clock, host(kOwnBegin), kOwnBegin + 5 * kDay, Kind::earliest);
  // One with a date by mistake is forgotten with the file.
  clock.on_certificate(kBuilt);
  check_reads(clock, host(k1970), kBuilt, Kind::earliest);
}

TEST_CASE("after a server has told the time, it passes by the boot clock") {
  DeviceClock clock("", kBuilt, kOwnBegin);
  clock.on_server_time(kServerTime, kServerUntil, host(k1970, 60s));
  check_reads(clock, host(k1970, 60s), kServerTime, Kind::exact);
  check_reads(clock, host(k1970 + 5s, 60s + 3600s), kServerTime + 3600s, Kind::exact);

  SUBCASE("a system clock that is set later changes nothing") {
    check_reads(clock, host(kServerTime + 10s, 70s), kServerTime + 10s, Kind::exact);
    check_reads(clock, host(k1970, 80s), kServerTime + 20s, Kind::exact);
    check_reads(clock, host(kServerTime + 9999 * kDay, 90s), kServerTime + 30s, Kind::exact);
  }
  SUBCASE("the newest word counts") {
    clock.on_server_time(kServerTime - kDay, kServerUntil, host(k1970, 100s));
    check_reads(clock, host(k1970, 101s), kServerTime - kDay + 1s, Kind::exact);
  }
  SUBCASE("a server behind what is known does not take it back") {
    clock.on_server_time(kBuilt - kDay, kServerUntil, host(k1970, 100s));
    check_reads(clock, host(k1970, 100s), kOwnBegin, Kind::exact);
  }
  SUBCASE("nonsense is not heard") {
    clock.on_server_time(WallTime::max(), kServerUntil, host(k1970, 100s));
    clock.on_server_time(WallTime::min(), kServerUntil, host(k1970, 100s));
    check_reads(clock, host(k1970, 100s), kServerTime + 40s, Kind::exact);
  }
}

TEST_CASE("no server is believed beyond the end of its certificate") {
  const TempDir dir;
  const std::string file = dir.path() / "clock";
  DeviceClock clock(file, kBuilt, kOwnBegin);
  CHECK_FALSE(clock.on_server_time(kServerUntil + 1s, kServerUntil, host(k1970)));
  check_reads(clock, host(k1970), kOwnBegin, Kind::earliest);
  CHECK(content_of(file).empty());
  CHECK(clock.on_server_time(kServerUntil, kServerUntil, host(k1970)));
  check_reads(clock, host(k1970), kServerUntil, Kind::exact);
  CHECK(content_of(file) == std::to_string(kServerUntil.time_since_epoch().count()));
}

TEST_CASE("a system clock that is ahead gives way to the server's") {
  DeviceClock clock("", kBuilt, kOwnBegin);
  clock.on_server_time(kServerTime, kServerUntil, host(kServerTime + 50 * kDay, 0s));
  check_reads(clock, host(kServerTime + 50 * kDay, 7s), kServerTime + 7s, Kind::exact);
}

TEST_CASE("the server's time is kept for the next boot") {
  const TempDir dir;
  const std::string file = dir.path() / "clock";
  {
    DeviceClock clock(file, kBuilt, kOwnBegin);
    clock.on_server_time(kServerTime, kServerUntil, host(k1970));
  }
  CHECK(content_of(file) == std::to_string(kServerTime.time_since_epoch().count()));
  const DeviceClock next(file, kBuilt, kOwnBegin);
  check_reads(next, host(k1970), kServerTime, Kind::earliest);
  check_reads(next, host(kServerTime), kServerTime, Kind::exact);
}

TEST_CASE("the file is written every six hours at most") {
  const TempDir dir;
  const std::string file = dir.path() / "clock";
  DeviceClock clock(file, kBuilt, kOwnBegin);
  clock.on_server_time(kServerTime, kServerUntil, host(k1970));
  const std::string first = content_of(file);
  clock.on_server_time(kServerTime + 6h - 1s, kServerUntil, host(k1970, 60s));
  CHECK(content_of(file) == first);
  clock.on_server_time(kServerTime + 6h, kServerUntil, host(k1970, 61s));
  CHECK(content_of(file) != first);
}

TEST_CASE("a file that is no time counts as none") {
  const TempDir dir;
  const std::string file = dir.path() / "clock";
  for (const std::string_view text : {"", "\n", "soon", "-5\n", "9223372036854775807\n", "99999999999999999999999\n"}) {
    CAPTURE(text);
    write(file, text);
    const DeviceClock clock(file, kBuilt, kBuilt);
    check_reads(clock, host(k1970), kBuilt, Kind::earliest);
  }
  const DeviceClock absent(dir.path() / "absent/clock", kBuilt, kBuilt);
  check_reads(absent, host(k1970), kBuilt, Kind::earliest);
}

TEST_CASE("without a place to keep it the clock works all the same") {
  const TempDir dir;
  DeviceClock clock(dir.path() / "absent/clock", kBuilt, kOwnBegin);
  clock.on_server_time(kServerTime, kServerUntil, host(k1970));
  check_reads(clock, host(k1970), kServerTime, Kind::exact);
}

TEST_CASE("this program was built, and not in the future") {
  CHECK(build_time() > std::chrono::sys_days{std::chrono::year{2020} / 1 / 1});
  CHECK(build_time() <= host_time().system);
}
