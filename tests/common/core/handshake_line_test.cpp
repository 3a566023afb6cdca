#include "common/core/handshake_line.h"

#include <set>

#include "common/base/random.h"
#include "tests/support/doctest.h"

namespace fairlead::core {
namespace {

using Standing = HandshakeLine::Standing;
using Ticket = HandshakeLine::Ticket;

constexpr TimePoint kStart{Duration(100s)};
constexpr std::size_t kHello = 300;

IpAddress v4(unsigned last) {
  return IpAddress::v4({192, 0, 2, static_cast<std::uint8_t>(last)});
}

// A line and its clock: what may happen happens as soon as it may.
struct World {
  explicit World(HandshakeLimits limits = {}) : line(limits) {}

  Ticket add(const IpAddress& source, Standing standing = Standing::stranger) {
    const Ticket ticket = line.add(source, kHello, standing, now);
    pump();
    return ticket;
  }
  void pump() {
    while (true) {
      const auto out = line.take_gone(now);
      for (const auto& each : out) gone[each.ticket] = each.reason;
      const auto started = line.start_next(now);
      if (started) running[started->waited] = started->running;
      if (!started && out.empty()) return;
    }
  }
  // Until then, or until `ticket` has begun.
  bool run_until(TimePoint end, Ticket ticket = 0) {
    while (true) {
      if (running.contains(ticket)) return true;
      const auto due = line.deadline(now);
      if (!due || *due >= end) break;
      now = std::max(now, *due);
      pump();
    }
    now = end;
    pump();
    return running.contains(ticket);
  }

  void prove(Ticket waited) {
    line.proved(running.at(waited), now);
    line.end(running.at(waited), now);
  }

  HandshakeLine line;
  TimePoint now = kStart;
  std::map<Ticket, Ticket> running;  // by the ticket that waited
  std::map<Ticket, Reason> gone;
};

TEST_CASE("a handshake begins at once where there is room") {
  World world;
  const Ticket one = world.add(v4(1));
  REQUIRE(world.running.contains(one));
  CHECK(world.line.under_way() == 1);
  CHECK(world.line.waiting_bytes() == 0);
  world.prove(one);
  CHECK(world.line.under_way() == 0);
  world.prove(one);
  CHECK(world.line.deadline(world.now) == std::nullopt);
}

TEST_CASE("two thousand stalled hellos keep neither their own address nor others out") {
  for (const unsigned honest_source : {1U, 2U}) {
    CAPTURE(honest_source);
    World world;
    for (int i = 0; i < 2000; ++i) {
      world.run_until(kStart + Duration(i * 150));
      world.add(v4(1));
    }
    world.run_until(kStart + 350ms);
    const Ticket honest = world.add(v4(honest_source));
    CHECK(world.run_until(world.now + 1500ms, honest));
  }
}

TEST_CASE("stalled hellos that never cease keep nobody out") {
  for (const unsigned per_second : {60U, 120U}) {
    World world;
    int served = 0;
    int tried = 0;
    for (unsigned i = 0; i < 30 * per_second; ++i) {
      world.run_until(kStart + Duration(i * 1'000'000 / per_second));
      world.add(v4(1));
      if (i % per_second != per_second / 2) continue;
      for (const unsigned source : {1U, 2U}) {
        const Ticket honest = world.add(v4(source));
        ++tried;
        World later = world;
        served += later.run_until(world.now + 2s, honest) ? 1 : 0;
        if (world.running.contains(honest)) world.prove(honest);
      }
    }
    CHECK(served == tried);
  }
}

TEST_CASE("a peer has seconds for its answer, and waiting ends as well") {
  World world({.at_a_time = 1});
  const Ticket stalled = world.add(v4(1));
  const Ticket waits = world.add(v4(2));
  world.run_until(kStart + 4s);
  CHECK(world.gone.empty());
  world.run_until(kStart + 5s);
  CHECK(world.gone.at(world.running[stalled]) == Reason::flight_timeout);
  CHECK(world.running.contains(waits));
  const Ticket never = world.add(v4(3));
  world.line.apply({.at_a_time = 0});
  world.run_until(kStart + 16s);
  CHECK(world.gone.at(never) == Reason::handshake_timeout);
  CHECK(world.line.waiting() == 0);
}

TEST_CASE("a few slow peers of many sources are not driven out by those who wait") {
  World world({.at_a_time = 40});
  for (unsigned i = 0; i < 60; ++i) world.add(v4(i));
  world.run_until(kStart + 4s);
  CHECK(world.gone.empty());
}

// Their device needs 20 ms for each of them, one after the other.
TEST_CASE("a fleet behind one address that comes back at once is let in as quickly as it can") {
  World world;
  for (int i = 0; i < 1000; ++i) world.add(v4(1));
  int proved = 0;
  std::set<Ticket> done;
  for (int turn = 0; turn < 1500 && proved < 1000; ++turn) {
    world.run_until(world.now + 20ms);
    for (const auto& [waited, running] : world.running) {
      if (world.gone.contains(running) || !done.insert(waited).second) continue;
      world.prove(waited);
      world.pump();
      ++proved;
      break;
    }
  }
  int in_vain = 0;
  for (const auto& [ticket, reason] : world.gone) in_vain += reason == Reason::handshakes_max ? 1 : 0;
  CHECK(in_vain == 0);
  CHECK(proved >= 500);  // who waited longer than wait_limit comes again
}

TEST_CASE("what waits is bounded in number and in bytes, and the fullest source pays") {
  World world({.at_a_time = 4, .waiting = 10, .starts_per_second = 1});
  const Ticket honest = world.add(v4(2));
  REQUIRE(world.running.contains(honest));
  const Ticket waits = world.add(v4(2));
  for (int i = 0; i < 100; ++i) world.add(v4(1));
  CHECK(world.line.waiting() == 10);
  CHECK_FALSE(world.gone.contains(waits));
  for (const auto& [ticket, reason] : world.gone) CHECK(reason == Reason::handshakes_waiting);

  World lent({.at_a_time = 4, .waiting = 10, .places = 2, .starts_per_second = 1});
  lent.line.lend(5);
  for (int i = 0; i < 30; ++i) lent.add(v4(1));
  CHECK(lent.line.waiting() == 7);
  lent.line.lend(100);
  for (int i = 0; i < 30; ++i) lent.add(v4(2));
  CHECK(lent.line.waiting() == 10);

  World narrow({.at_a_time = 4, .waiting_bytes = 5 * kHello, .starts_per_second = 1});
  for (int i = 0; i < 100; ++i) narrow.add(v4(1));
  CHECK(narrow.line.waiting() == 5);
  CHECK(narrow.line.waiting_bytes() == 5 * kHello);
}

TEST_CASE("unanswered starts are limited by source, proved ones are not") {
  World world({.at_a_time = 1000, .starts_per_second = 10});
  for (int i = 0; i < 100; ++i) world.add(v4(1));
  CHECK(world.running.size() == 10);
  CHECK(world.running.contains(world.add(v4(2))));
  world.run_until(kStart + 1s);
  CHECK(world.running.size() <= 22);

  World fleet({.at_a_time = 1000, .starts_per_second = 10});
  for (int i = 0; i < 500; ++i) {
    const Ticket agent = fleet.add(v4(1));
    REQUIRE(fleet.running.contains(agent));
    fleet.prove(agent);
  }
}

TEST_CASE("strangers cannot take the share of the known, nor these that of strangers") {
  World world({.at_a_time = 40, .starts_per_second = 1000});
  for (unsigned i = 0; i < 100; ++i) world.add(v4(i));
  CHECK(world.line.under_way() == 30);
  CHECK(world.running.contains(world.add(v4(1), Standing::known)));
  CHECK(world.running.contains(world.add(v4(1), Standing::resuming)));

  World other({.at_a_time = 40, .starts_per_second = 1000});
  for (unsigned i = 0; i < 100; ++i) other.add(v4(i), Standing::resuming);
  CHECK(other.line.under_way() == 30);
  CHECK(other.running.contains(other.add(v4(200))));
}

TEST_CASE("who resumes or is known pays its source's rate as well, until it has proved itself") {
  for (const Standing standing : {Standing::known, Standing::resuming}) {
    World world({.at_a_time = 1000, .starts_per_second = 2});
    for (int i = 0; i < 10; ++i) world.add(v4(1), standing);
    CHECK(world.running.size() == 2);
    for (int turn = 0; turn < 5; ++turn) {
      for (const auto& [waited, running] : std::map(world.running)) world.prove(waited);
      world.pump();
    }
    CHECK(world.running.size() == 10);
  }
}

TEST_CASE("a crowd whose time is up goes in parts") {
  HandshakeLine line({.at_a_time = 1});
  for (unsigned i = 0; i < 10; ++i) line.add(v4(i), kHello, Standing::stranger, kStart);
  const TimePoint late = kStart + HandshakeLimits{}.wait_limit;
  CHECK(line.take_gone(late, 4).size() == 4);
  REQUIRE(line.deadline(late));
  CHECK(*line.deadline(late) <= late);
  CHECK(line.take_gone(late, 100).size() == 6);
  CHECK(line.waiting() == 0);
}

TEST_CASE("whatever happens, limits hold, nobody is lost and nothing is told twice") {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    CAPTURE(seed);
    SeededRng rng(seed);
    const HandshakeLimits limits{.at_a_time = 6, .waiting = 12, .waiting_bytes = 4000, .starts_per_second = 4};
    HandshakeLine line(limits);
    TimePoint now = kStart;
    std::set<Ticket> waiting;
    std::set<Ticket> running;
    for (int step = 0; step < 2000; ++step) {
      now += Duration(static_cast<Duration::rep>(rng.below(200'000)));
      if (rng.below(2) == 0) {
        const auto standing = static_cast<Standing>(rng.below(3));
        waiting.insert(line.add(v4(static_cast<unsigned>(rng.below(5))), rng.below(900), standing, now));
      }
      for (const auto& gone : line.take_gone(now))
        REQUIRE(waiting.erase(gone.ticket) + running.erase(gone.ticket) == 1);
      if (const auto started = line.start_next(now)) {
        REQUIRE(waiting.erase(started->waited) == 1);
        REQUIRE(running.insert(started->running).second);
      }
      if (!running.empty() && rng.below(3) == 0) {
        if (rng.below(2) == 0) line.proved(*running.begin(), now);
        line.end(*running.begin(), now);
        running.erase(running.begin());
      }
      REQUIRE(line.waiting() == waiting.size());
      REQUIRE(line.under_way() == running.size());
      REQUIRE(running.size() <= limits.at_a_time);
      REQUIRE(waiting.size() <= limits.waiting);
      REQUIRE(line.waiting_bytes() <= limits.waiting_bytes);
    }
    // Left alone, it empties by its own deadlines.
    for (int turn = 0; turn < 1000 && line.deadline(now); ++turn) {
      now = std::max(now, *line.deadline(now));
      line.take_gone(now);
      line.start_next(now);
    }
    CHECK(line.waiting() == 0);
    CHECK(line.under_way() == 0);
  }
}

}  // namespace
}  // namespace fairlead::core
