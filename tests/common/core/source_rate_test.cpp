#include "common/core/source_rate.h"

#include "tests/support/doctest.h"

namespace fairlead::core {
namespace {

constexpr TimePoint kStart{Duration(1s)};

IpAddress numbered(unsigned number) {
  return IpAddress::v4({10, static_cast<std::uint8_t>(number >> 16), static_cast<std::uint8_t>(number >> 8),
                        static_cast<std::uint8_t>(number)});
}

int taken(SourceRate& rate, const IpAddress& source, int tries, TimePoint now) {
  int out = 0;
  for (int i = 0; i < tries; ++i) out += rate.take(source, now) ? 1 : 0;
  return out;
}

TEST_CASE("each source has its own rate") {
  SourceRate rate(10);
  CHECK(taken(rate, numbered(1), 50, kStart) == 10);
  CHECK(taken(rate, numbered(2), 50, kStart) == 10);
  CHECK(rate.ready_at(numbered(1), kStart) > kStart);
  CHECK(rate.ready_at(numbered(3), kStart) == kStart);
  CHECK(taken(rate, numbered(1), 50, kStart + 500ms) == 5);
}

TEST_CASE("what came to good costs nothing") {
  SourceRate rate(2);
  for (int i = 0; i < 100; ++i) {
    CHECK(rate.take(numbered(1), kStart));
    rate.give_back(numbered(1));
  }
  CHECK(taken(rate, numbered(1), 5, kStart) == 2);
}

TEST_CASE("a site has eight times a network's rate") {
  SourceRate rate(4);
  int all = 0;
  for (unsigned net = 0; net < 1000; ++net) {
    const auto low = static_cast<std::uint8_t>(net);
    const auto high = static_cast<std::uint8_t>(net >> 8);
    all += taken(rate, IpAddress::v6({0x20, 1, 0xd, 0xb8, 0, 0, low, high}), 4, kStart);
  }
  CHECK(all == 32);
}

TEST_CASE("the table is bounded, and who finds no row shares one") {
  SourceRate rate(2);
  for (unsigned i = 0; i < SourceRate::kMostRows; ++i) rate.take(numbered(i), kStart);
  CHECK(rate.rows() == SourceRate::kMostRows);
  CHECK(rate.take(numbered(100'001), kStart));
  CHECK(rate.take(numbered(100'002), kStart));
  CHECK_FALSE(rate.take(numbered(100'003), kStart));
  CHECK(rate.rows() == SourceRate::kMostRows + 1);
  // Rows that are full again are forgotten.
  CHECK(rate.take(numbered(100'004), kStart + 10s));
  CHECK(rate.rows() < 10);
}

}  // namespace
}  // namespace fairlead::core
