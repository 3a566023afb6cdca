#include "common/core/end_words.h"

#include "tests/support/doctest.h"

namespace fairlead::core {
namespace {

const TimePoint kNow{1h};
wire::ConnectionId conn(std::uint32_t n) {
  return {static_cast<std::uint8_t>(n), static_cast<std::uint8_t>(n >> 8), static_cast<std::uint8_t>(n >> 16)};
}

TEST_CASE("who decided is believed by who saw an end, and by nobody else") {
  CHECK(agreed(Reason::completed, Reason::service_not_tls) == Reason::service_not_tls);
  CHECK(agreed(Reason::service_reset, Reason::idle_timeout) == Reason::idle_timeout);
  CHECK(agreed(Reason::completed, std::nullopt) == Reason::completed);
  CHECK(agreed(Reason::idle_timeout, Reason::shutting_down) == Reason::idle_timeout);
  CHECK(agreed(Reason::completed, Reason::client_reset) == Reason::completed);
  CHECK(agreed(Reason::completed, Reason::service_ended_early) == Reason::service_ended_early);
  CHECK(agreed(Reason::service_ended_early, Reason::service_not_tls) == Reason::service_not_tls);
  CHECK(agreed(Reason::idle_timeout, Reason::service_ended_early) == Reason::idle_timeout);
}

TEST_CASE("an ordinary short connection is recorded at once") {
  CHECK_FALSE(doubtful(Reason::completed, 700, 3'000, 40ms));
  CHECK(doubtful(Reason::completed, 700, 7, 40ms));  // an alert alone
  CHECK(doubtful(Reason::completed, 700, 3'000, 1h));
  CHECK(doubtful(Reason::service_reset, 700, 3'000, 40ms));
  CHECK_FALSE(doubtful(Reason::service_not_tls, 700, 0, 40ms));
}

TEST_CASE("a word is for one connection, one use, and a short time") {
  EndWords words;
  words.put(conn(1), Reason::idle_timeout, kNow);
  words.put(conn(1), Reason::shutting_down, kNow);
  CHECK_FALSE(words.take(conn(2), kNow));
  CHECK(words.take(conn(1), kNow) == Reason::idle_timeout);
  CHECK_FALSE(words.take(conn(1), kNow));
  words.put(conn(1), Reason::idle_timeout, kNow);
  CHECK_FALSE(words.take(conn(1), kNow + kWordMemory));
}

TEST_CASE("a peer that says many words costs a bounded memory, and its latest are kept") {
  EndWords words;
  for (std::uint32_t i = 0; i < 100'000; ++i) words.put(conn(i), Reason::idle_timeout, kNow);
  CHECK(words.size() <= kMostWords);
  CHECK(words.take(conn(99'999), kNow) == Reason::idle_timeout);
}

TEST_CASE("held records come in order, at their time; too many push the first out") {
  HeldRecords<int> held;
  CHECK_FALSE(held.deadline());
  held.push(1, kNow);
  held.push(2, kNow + 1ms);
  CHECK(held.deadline() == kNow + kWordPatience);
  CHECK_FALSE(held.take_due(kNow));
  CHECK(held.take_due(kNow + kWordPatience) == 1);
  CHECK_FALSE(held.take_due(kNow + kWordPatience));
  CHECK(held.take_any() == 2);
  for (std::size_t i = 0; i <= kMostHeld; ++i) held.push(static_cast<int>(i), kNow);
  CHECK(held.take_due(kNow) == 0);
  CHECK_FALSE(held.take_due(kNow));
}

}  // namespace
}  // namespace fairlead::core
