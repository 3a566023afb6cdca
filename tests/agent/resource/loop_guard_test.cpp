#include "agent/resource/loop_guard.h"

#include <optional>

#include "tests/support/doctest.h"

namespace fairlead::agent {
namespace {

// A ClientHello up to the end of its random.
Bytes hello(std::uint8_t random) {
  Bytes out = {22, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3};
  out.insert(out.end(), 32, random);
  return out;
}

TEST_CASE("a hello that comes again under another id has come back") {
  LoopGuard guard;
  const auto first = guard.enter(hello(1), {1});
  CHECK_FALSE(first.came_back());
  CHECK_FALSE(guard.enter(hello(2), {2}).came_back());
  CHECK(guard.enter(hello(1), {2}).came_back());
  CHECK_FALSE(guard.enter(hello(1), {1}).came_back());  // another channel for the same connection
  CHECK(guard.size() == 1);
}

TEST_CASE("a place is left when its holder ends") {
  LoopGuard guard;
  std::optional<LoopGuard::Place> first = guard.enter(hello(1), {1});
  LoopGuard::Place moved = std::move(*first);
  first.reset();
  CHECK(guard.size() == 1);
  CHECK(guard.enter(hello(1), {2}).came_back());
  moved = {};
  CHECK(guard.size() == 0);
  CHECK_FALSE(guard.enter(hello(1), {2}).came_back());
}

TEST_CASE("two who tried for one connection leave one place each") {
  LoopGuard guard;
  auto one = guard.enter(hello(1), {1});
  auto other = guard.enter(hello(1), {1});
  CHECK(guard.size() == 2);
  one = {};
  CHECK(guard.enter(hello(1), {2}).came_back());
  other = {};
  CHECK(guard.size() == 0);
}

TEST_CASE("what is too short to tell holds no place") {
  LoopGuard guard;
  Bytes cut = hello(1);
  cut.pop_back();
  const auto one = guard.enter(cut, {1});
  const auto other = guard.enter({}, {2});
  CHECK_FALSE(guard.enter(cut, {3}).came_back());
  CHECK(guard.size() == 0);
}

}  // namespace
}  // namespace fairlead::agent
