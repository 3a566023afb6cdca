// What time a device believes it is: from 1970, from before its certificate, from servers that are right and wrong.
#include "agent/resource/device_clock.h"

#include <filesystem>
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
constexpr CertificateTime kOwn{kBuilt + 10 * kDay, kBuilt + 375 * kDay};
constexpr WallTime kTrue = kBuilt + 100 * kDay;  // what time it is
constexpr WallTime kServerUntil = kTrue + 90 * kDay;
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

std::string text_of(WallTime time) {
  return std::to_string(time.time_since_epoch().count());
}

void write(const std::string& file, std::string_view text) {
  std::ofstream(file) << text;
}

}  // namespace

TEST_CASE("a system clock that can be right stands") {
  DeviceClock clock("", kBuilt, kOwn);
  check_reads(clock, host(kOwn.begin), kOwn.begin, Kind::exact);
  check_reads(clock, host(kTrue), kTrue, Kind::exact);
  check_reads(clock, host(kOwn.end - 1s), kOwn.end - 1s, Kind::exact);

  SUBCASE("whatever a server says") {
    for (const auto ahead : {30 * kDay, 60 * kDay, -5 * kDay}) {
      CAPTURE(ahead.count());
      clock.on_server_time("one", kTrue + ahead, kServerUntil, host(kTrue));
      check_reads(clock, host(kTrue, 7s), kTrue, Kind::exact);
      CHECK(clock.read_for("one", host(kTrue)).time == kTrue);
      CHECK(clock.read_for("two", host(kTrue)).time == kTrue);
    }
  }
  SUBCASE("whatever two servers say") {
    clock.on_server_time("one", kTrue + 60 * kDay, kServerUntil, host(kTrue));
    clock.on_server_time("two", kTrue + 60 * kDay, kServerUntil, host(kTrue));
    check_reads(clock, host(kTrue), kTrue, Kind::exact);
  }
  SUBCASE("and once it is set, it counts before what servers said") {
    clock.on_server_time("one", kTrue + kDay, kServerUntil, host(k1970));
    check_reads(clock, host(kTrue, 5s), kTrue, Kind::exact);
  }
}

TEST_CASE("a system clock that cannot be right tells how early it is at least") {
  SUBCASE("before the own certificate") {
    const DeviceClock clock("", kBuilt, kOwn);
    check_reads(clock, host(k1970), kOwn.begin, Kind::earliest);
    check_reads(clock, host(kOwn.begin - 1s), kOwn.begin, Kind::earliest);
  }
  SUBCASE("before the build") {
    const DeviceClock clock("", kBuilt, {kBuilt - kDay, kOwn.end});
    check_reads(clock, host(k1970), kBuilt, Kind::earliest);
    check_reads(clock, host(kBuilt), kBuilt, Kind::exact);
  }
  SUBCASE("after the end of the own certificate") {
    const DeviceClock clock("", kBuilt, kOwn);
    check_reads(clock, host(kOwn.end), kOwn.begin, Kind::earliest);
    check_reads(clock, host(kOwn.end + 9999 * kDay), kOwn.begin, Kind::earliest);
  }
}

TEST_CASE("another certificate takes the place of the first") {
  DeviceClock clock("", kBuilt, kOwn);
  clock.on_certificate({kOwn.begin + 5 * kDay, kOwn.end});
  check_reads(clock, host(kOwn.begin), kOwn.begin + 5 * kDay, Kind::earliest);
  // One with a date by mistake is forgotten with the file.
  clock.on_certificate({kBuilt, kOwn.end});
  check_reads(clock, host(k1970), kBuilt, Kind::earliest);
}

TEST_CASE("after a server has told the time, it passes by the boot clock") {
  DeviceClock clock("", kBuilt, kOwn);
  CHECK(clock.on_server_time("one", kTrue, kServerUntil, host(k1970, 60s)));
  check_reads(clock, host(k1970, 60s), kTrue, Kind::exact);
  check_reads(clock, host(k1970 + 5s, 60s + 3600s), kTrue + 3600s, Kind::exact);

  SUBCASE("a system clock that is set to nonsense changes nothing") {
    check_reads(clock, host(k1970, 80s), kTrue + 20s, Kind::exact);
    check_reads(clock, host(kTrue + 9999 * kDay, 90s), kTrue + 30s, Kind::exact);
  }
  SUBCASE("its newest word counts") {
    clock.on_server_time("one", kTrue - kDay, kServerUntil, host(k1970, 100s));
    check_reads(clock, host(k1970, 101s), kTrue - kDay + 1s, Kind::exact);
  }
  SUBCASE("what it cannot have lived to tell is not heard") {
    for (const WallTime time : {WallTime::max(), WallTime::min(), kOwn.begin - 1s, kServerUntil + 1s}) {
      CHECK_FALSE(clock.on_server_time("one", time, kServerUntil, host(k1970, 100s)));
      check_reads(clock, host(k1970, 100s), kTrue + 40s, Kind::exact);
    }
  }
}

TEST_CASE("no server is believed beyond the end of its certificate, nor of ours") {
  const TempDir dir;
  const std::string file = dir.path() / "clock";
  DeviceClock clock(file, kBuilt, kOwn);
  CHECK_FALSE(clock.on_server_time("one", kServerUntil + 1s, kServerUntil, host(k1970)));
  CHECK_FALSE(clock.on_server_time("one", kOwn.end, kOwn.end + 9 * kDay, host(k1970)));
  check_reads(clock, host(k1970), kOwn.begin, Kind::earliest);
  CHECK(content_of(file).empty());
  CHECK(clock.on_server_time("one", kServerUntil, kServerUntil, host(k1970)));
  check_reads(clock, host(k1970), kServerUntil, Kind::exact);
}

TEST_CASE("of servers that do not agree, the earliest counts, and each for itself") {
  DeviceClock clock("", kBuilt, kOwn);
  clock.on_server_time("ahead", kTrue + 60 * kDay, kServerUntil, host(k1970));
  clock.on_server_time("right", kTrue, kServerUntil, host(k1970));
  check_reads(clock, host(k1970, 5s), kTrue + 5s, Kind::exact);
  CHECK(clock.read_for("ahead", host(k1970, 5s)).time == kTrue + 60 * kDay + 5s);
  CHECK(clock.read_for("right", host(k1970, 5s)).time == kTrue + 5s);
  CHECK(clock.read_for("third", host(k1970, 5s)).time == kTrue + 5s);

  SUBCASE("what two agree on counts before what one says, for all") {
    clock.on_server_time("third", kTrue + 2min, kServerUntil, host(k1970));
    check_reads(clock, host(k1970), kTrue, Kind::exact);
    CHECK(clock.read_for("ahead", host(k1970)).time == kTrue);
  }
}

TEST_CASE("one wrong clock does not shut out the servers whose clocks are right") {
  DeviceClock clock("", kBuilt, kOwn);
  clock.on_server_time("ahead", kTrue + 60 * kDay, kServerUntil, host(k1970));
  CHECK(clock.read_for("right", host(k1970)).time == kTrue + 60 * kDay);
  clock.on_dates_refused("right");
  const tls::ClockReading again = clock.read_for("right", host(k1970));
  CHECK(again.time == kOwn.begin);
  CHECK(again.kind == Kind::earliest);
  CHECK(clock.read_for("third", host(k1970)).time == kTrue + 60 * kDay);

  SUBCASE("and its own word counts from then on") {
    clock.on_server_time("right", kTrue, kServerUntil, host(k1970));
    CHECK(clock.read_for("right", host(k1970, 1s)).time == kTrue + 1s);
  }
  SUBCASE("where it makes no difference, the attempts take turns") {
    clock.on_dates_refused("right");
    CHECK(clock.read_for("right", host(k1970)).time == kTrue + 60 * kDay);
  }
  SUBCASE("what two agree on is not dropped for a server that they refuse") {
    clock.on_server_time("third", kTrue + 60 * kDay, kServerUntil, host(k1970));
    CHECK(clock.read_for("right", host(k1970)).time == kTrue + 60 * kDay);
  }
}

TEST_CASE("what one server says is kept only while the system's clock cannot be right") {
  const TempDir dir;
  const std::string file = dir.path() / "clock";
  DeviceClock clock(file, kBuilt, kOwn);
  clock.on_server_time("ahead", kTrue + 60 * kDay, kServerUntil, host(kTrue));
  CHECK(content_of(file).empty());

  SUBCASE("nor what several say that do not agree") {
    clock.on_server_time("right", kTrue, kServerUntil, host(kTrue));
    CHECK(content_of(file).empty());
  }
  SUBCASE("what two agree on is kept") {
    clock.on_server_time("right", kTrue, kServerUntil, host(kTrue));
    clock.on_server_time("third", kTrue + 1s, kServerUntil, host(kTrue));
    CHECK(content_of(file) == text_of(kTrue));
  }
  SUBCASE("the earliest is kept of a host that has no clock") {
    clock.on_server_time("right", kTrue, kServerUntil, host(k1970));
    CHECK(content_of(file) == text_of(kTrue));
  }
}

TEST_CASE("what was kept is the least that a host without a clock knows") {
  const TempDir dir;
  const std::string file = dir.path() / "clock";
  write(file, text_of(kTrue));
  const DeviceClock next(file, kBuilt, kOwn);
  check_reads(next, host(k1970), kTrue, Kind::earliest);
  check_reads(next, host(kTrue), kTrue, Kind::exact);
  // A clock that goes on from where it stood when the power went.
  check_reads(next, host(kTrue - kDay), kTrue - kDay, Kind::exact);
}

TEST_CASE("a time that was kept by mistake shuts nobody out") {
  const TempDir dir;
  const std::string file = dir.path() / "clock";
  write(file, text_of(kTrue + 60 * kDay));
  DeviceClock clock(file, kBuilt, kOwn);
  // A system clock that can be right does not hear of it.
  check_reads(clock, host(kTrue), kTrue, Kind::exact);
  // Without one, a server that is refused for it is judged without it the next time.
  check_reads(clock, host(k1970), kTrue + 60 * kDay, Kind::earliest);
  clock.on_dates_refused("right");
  CHECK(clock.read_for("right", host(k1970)).time == kOwn.begin);
  // The better word takes its place on disk as well.
  clock.on_server_time("right", kTrue, kServerUntil, host(k1970));
  CHECK(content_of(file) == text_of(kTrue));

  SUBCASE("one after the end of the own certificate does not count at all") {
    write(file, text_of(kOwn.end));
    check_reads(DeviceClock(file, kBuilt, kOwn), host(k1970), kOwn.begin, Kind::earliest);
  }
}

TEST_CASE("a server may be newer than a clock that stood still, where that is known") {
  const TempDir dir;
  const std::string file = dir.path() / "clock";
  write(file, text_of(kTrue));
  DeviceClock clock(file, kBuilt, kOwn);
  CHECK(clock.read_for("newer", host(kTrue - kDay)).kind == Kind::exact);
  clock.on_dates_refused("newer");
  CHECK(clock.read_for("newer", host(kTrue - kDay)).kind == Kind::earliest);
  CHECK(clock.read_for("newer", host(kTrue)).kind == Kind::exact);
}

TEST_CASE("the file is written every six hours at most") {
  const TempDir dir;
  const std::string file = dir.path() / "clock";
  DeviceClock clock(file, kBuilt, kOwn);
  clock.on_server_time("one", kTrue, kServerUntil, host(k1970));
  const std::string first = content_of(file);
  clock.on_server_time("one", kTrue + 6h - 1s, kServerUntil, host(k1970, 60s));
  CHECK(content_of(file) == first);
  clock.on_server_time("one", kTrue + 6h, kServerUntil, host(k1970, 61s));
  CHECK(content_of(file) != first);
}

TEST_CASE("the file is ours alone, and no link leads us elsewhere") {
  const TempDir dir;
  const std::string file = dir.path() / "clock";
  const std::string elsewhere = dir.path() / "elsewhere";
  write(elsewhere, text_of(kTrue));
  for (const std::string& name : {file, file + ".new"}) std::filesystem::create_symlink(elsewhere, name);
  DeviceClock clock(file, kBuilt, kOwn);
  check_reads(clock, host(k1970), kOwn.begin, Kind::earliest);
  clock.on_server_time("one", kTrue + kDay, kServerUntil, host(k1970));
  CHECK(content_of(elsewhere) == text_of(kTrue));
  CHECK(content_of(file) == text_of(kTrue + kDay));
  CHECK_FALSE(std::filesystem::is_symlink(file));
  CHECK(std::filesystem::status(file).permissions() == std::filesystem::perms(0600));
}

TEST_CASE("a file that is no time counts as none") {
  const TempDir dir;
  const std::string file = dir.path() / "clock";
  for (const std::string_view text : {"", "\n", "soon", "-5\n", "9223372036854775807\n", "99999999999999999999999\n"}) {
    CAPTURE(text);
    write(file, text);
    const DeviceClock clock(file, kBuilt, kOwn);
    check_reads(clock, host(k1970), kOwn.begin, Kind::earliest);
  }
  const DeviceClock absent(dir.path() / "absent/clock", kBuilt, kOwn);
  check_reads(absent, host(k1970), kOwn.begin, Kind::earliest);
}

TEST_CASE("without a place to keep it the clock works all the same") {
  const TempDir dir;
  DeviceClock clock(dir.path() / "absent/clock", kBuilt, kOwn);
  clock.on_server_time("one", kTrue, kServerUntil, host(k1970));
  check_reads(clock, host(k1970), kTrue, Kind::exact);
}

TEST_CASE("this program was built, and not in the future") {
  CHECK(build_time() > std::chrono::sys_days{std::chrono::year{2020} / 1 / 1});
  CHECK(build_time() <= host_time().system);
}
