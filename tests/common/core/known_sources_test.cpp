#include "common/core/known_sources.h"

#include "tests/support/doctest.h"

namespace fairlead::core {
namespace {

constexpr TimePoint kStart{Duration(1s)};

IpAddress numbered(unsigned number) {
  return IpAddress::v4({10, static_cast<std::uint8_t>(number >> 16), static_cast<std::uint8_t>(number >> 8),
                        static_cast<std::uint8_t>(number)});
}

TEST_CASE("a source is known for a while") {
  KnownSources known;
  CHECK_FALSE(known.knows(numbered(1), kStart));
  known.note(numbered(1), kStart);
  CHECK(known.knows(numbered(1), kStart));
  CHECK_FALSE(known.knows(numbered(2), kStart));
  CHECK_FALSE(known.knows(numbered(1), kStart + 1h));
  known.note(numbered(1), kStart + 59min);
  CHECK(known.knows(numbered(1), kStart + 1h));
  CHECK(known.size() == 1);
}

TEST_CASE("the longest unseen is forgotten first") {
  KnownSources known;
  for (unsigned i = 0; i < KnownSources::kMost; ++i) known.note(numbered(i), kStart + Duration(i));
  known.note(numbered(0), kStart + 1s);
  known.note(numbered(1'000'000), kStart + 2s);
  CHECK(known.size() == KnownSources::kMost);
  CHECK(known.knows(numbered(0), kStart + 2s));
  CHECK_FALSE(known.knows(numbered(1), kStart + 2s));
  CHECK(known.knows(numbered(1'000'000), kStart + 2s));
}

}  // namespace
}  // namespace fairlead::core
