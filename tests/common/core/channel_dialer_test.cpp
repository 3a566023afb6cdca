#include "common/core/channel_dialer.h"

#include "tests/support/doctest.h"

namespace fairlead::core {
namespace {

const TimePoint kStart{1h};

// The longest wait that jitter allows.
struct HighestRng final : Rng {
  std::uint64_t next() override { return UINT64_MAX; }
};

// What turns of the loop at one time dial, as long as none is ready.
int dial_all(ChannelDialer& dialer, TimePoint now) {
  int dials = 0;
  while (const int more = dialer.take_dials(now)) {
    CHECK(more <= static_cast<int>(kMostDials));
    dials += more;
  }
  return dials;
}

TEST_CASE("it dials what it was asked for, once") {
  ChannelDialer dialer(32, kStart);
  CHECK(dialer.take_dials(kStart) == 0);
  CHECK_FALSE(dialer.deadline(kStart));
  dialer.on_open_channels(3, kStart);
  CHECK(dialer.deadline(kStart) == kStart);
  CHECK(dialer.take_dials(kStart) == 3);
  CHECK(dialer.take_dials(kStart) == 0);
  CHECK(dialer.dialing() == 3);
}

TEST_CASE("what nobody waits for is dialled step by step") {
  ChannelDialer dialer(256, kStart);
  dialer.on_open_channels(64, kStart);
  CHECK(dialer.take_dials(kStart) == kMostDials);
  CHECK(dialer.deadline(kStart) == kStart);
  CHECK(dial_all(dialer, kStart) == 64 - kMostDials);
  for (int i = 0; i < 64; ++i) dialer.on_ready();
  TimePoint now = kStart + 1s;
  dialer.on_open_channels(64, now);
  CHECK(dialer.take_dials(now) == 64 / kDialSpread);
  CHECK(dialer.take_dials(now) == 0);
  CHECK(dialer.deadline(now) == now + kDialStep);
  int dials = 64 / kDialSpread;
  int steps = 1;
  for (auto next = dialer.deadline(now); next; next = dialer.deadline(now)) {
    now = *next;
    dials += dialer.take_dials(now);
    ++steps;
  }
  CHECK(dials == 64);
  CHECK(steps <= static_cast<int>(kDialSpread));
  // The last one is taken: now somebody may wait.
  dialer.on_open_channels(64, now);
  CHECK(dialer.take_dials(now) == 0);
  for (int i = 0; i < 64; ++i) dialer.on_bound();
  CHECK(dialer.deadline(now) == now);
  CHECK(dial_all(dialer, now) == 64);
}

TEST_CASE("what was asked for while none was ready does not wait for a step") {
  ChannelDialer dialer(256, kStart);
  dialer.on_open_channels(64, kStart);
  CHECK(dialer.take_dials(kStart) == kMostDials);
  dialer.on_ready();
  CHECK(dialer.deadline(kStart) == kStart);
  CHECK(dialer.take_dials(kStart) == kMostDials);
  dialer.on_open_channels(64, kStart);
  CHECK(dial_all(dialer, kStart) == 64 - 2 * kMostDials + kLeastDials);
  CHECK(dialer.deadline(kStart) == kStart + kDialStep);
}

TEST_CASE("never more than max unbound channels, whatever it is told") {
  ChannelDialer dialer(4, kStart);
  for (int i = 0; i < 100; ++i) dialer.on_open_channels(65535, kStart);
  CHECK(dialer.take_dials(kStart) == 4);
  for (int i = 0; i < 4; ++i) dialer.on_ready();
  for (int i = 0; i < 2; ++i) dialer.on_bound();
  CHECK(dialer.take_dials(kStart) == 0);  // nor a long list of asks that would be served later
  for (int i = 0; i < 100; ++i) dialer.on_open_channels(65535, kStart);
  CHECK(dialer.take_dials(kStart) == 2);
  CHECK(dialer.take_dials(kStart) == 0);
  CHECK_FALSE(dialer.deadline(kStart));
  // A bound channel makes room: asks that came before the header did are served now.
  dialer.on_open_channels(1, kStart);
  CHECK(dialer.take_dials(kStart) == 0);
  dialer.on_bound();
  CHECK(dialer.take_dials(kStart + kDialStep) == 1);
  dialer.on_lost();
  dialer.on_open_channels(65535, kStart + kDialStep);
  CHECK(dialer.take_dials(kStart + 2 * kDialStep) == 1);
  CHECK(ChannelDialer(0, kStart).take_dials(kStart) == 0);
}

TEST_CASE("an ask that could not be served is forgotten") {
  ChannelDialer dialer(1, kStart);
  dialer.on_open_channels(1, kStart);
  CHECK(dialer.take_dials(kStart) == 1);
  dialer.on_open_channels(1, kStart);
  dialer.on_ready();
  dialer.on_bound();
  CHECK(dialer.take_dials(kStart + kAskLifetime) == 0);
}

TEST_CASE("channels that are taken quickly are replaced as quickly") {
  ChannelDialer dialer(256, kStart);
  dialer.on_open_channels(128, kStart);
  REQUIRE(dial_all(dialer, kStart) == 128);
  for (int i = 0; i < 128; ++i) dialer.on_ready();
  constexpr int kTaken = 12;  // in each step
  TimePoint now = kStart;
  for (int step = 0; step < 200; ++step) {
    now += kDialStep;
    dialer.on_open_channels(kTaken, now);
    for (int i = 0; i < kTaken; ++i) dialer.on_bound();
    for (int n = dialer.take_dials(now); n > 0; --n) dialer.on_ready();
  }
  CHECK(dialer.ready() >= 128 - 2 * kTaken);
  // What was taken long before is no reason for a burst.
  for (int i = 0; i < 60; ++i) dialer.on_bound();
  dialer.take_dials(now + kAskLifetime);
  dialer.on_open_channels(60, now + kAskLifetime);
  CHECK(dialer.take_dials(now + kAskLifetime + kDialStep) == kLeastDials);
}

TEST_CASE("the rate is limited, even if channels are used up at once") {
  ChannelDialer dialer(256, kStart);
  int dials = 0;
  for (TimePoint now = kStart; now < kStart + 10s; now += 1ms) {
    dialer.on_open_channels(256, now);
    for (int n = dial_all(dialer, now); n > 0; --n) {
      ++dials;
      dialer.on_ready();
      dialer.on_bound();
    }
  }
  CHECK(dials <= kDialBurst + 10 * kDialsPerSecond);
  CHECK(dials >= 10 * kDialsPerSecond);
  const auto next = dialer.deadline(kStart + 10s);
  REQUIRE(next);
  CHECK(*next >= kStart + 10s);
  CHECK(dialer.take_dials(*next) >= 1);
}

TEST_CASE("failures are counted and slow it down; success forgets them") {
  SeededRng rng(1);
  ChannelDialer dialer(8, kStart);
  TimePoint now = kStart;
  int dials = 0;
  for (; now < kStart + 60s; now += 10ms) {
    dialer.on_open_channels(8, now);
    for (int n = dialer.take_dials(now); n > 0; --n) {
      ++dials;
      dialer.on_dial_failed(now, rng);
    }
  }
  // Backoff to 5 s with full jitter: a batch of 8 each 2.5 s on average, more in the beginning.
  CHECK(dials >= 8 * 8);
  CHECK(dials <= 8 * 60);
  CHECK(dialer.failures_in_a_row() == static_cast<std::uint32_t>(dials));
  CHECK(dialer.dialing() == 0);

  now += kDialBackoff.most;
  dialer.on_open_channels(1, now);
  CHECK(dialer.take_dials(now) == 1);
  dialer.on_ready();
  CHECK(dialer.failures_in_a_row() == 0);
  dialer.on_open_channels(2, now);
  REQUIRE(dialer.take_dials(now) == 2);
  HighestRng highest;
  dialer.on_dial_failed(now, highest);
  dialer.on_open_channels(1, now);
  CHECK(dialer.deadline(now) == now + kDialBackoff.first);
}

TEST_CASE("dials that fail together back off once") {
  HighestRng rng;
  ChannelDialer dialer(32, kStart);
  dialer.on_open_channels(32, kStart);
  REQUIRE(dial_all(dialer, kStart) == 32);
  for (int i = 0; i < 32; ++i) dialer.on_dial_failed(kStart, rng);
  dialer.on_open_channels(1, kStart);
  CHECK(dialer.deadline(kStart) == kStart + kDialBackoff.first);
}

}  // namespace
}  // namespace fairlead::core
