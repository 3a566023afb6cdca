#include "agent/resource/loop_guard.h"

#include <optional>

#include "tests/support/doctest.h"

namespace fairlead::agent {
namespace {

const SocketAddress kNear = *SocketAddress::parse("192.0.2.7:40000");
const SocketAddress kFar = *SocketAddress::parse("192.0.2.7:8443");
const LoopGuard::Ends kOurs{kNear, kFar};
const LoopGuard::Ends kOther{kNear, *SocketAddress::parse("192.0.2.7:8444")};  // the same port to somewhere else

TEST_CASE("a caller between the ends of a connection of ours is ourselves") {
  LoopGuard guard;
  const auto place = guard.enter(kOurs);
  CHECK(guard.is_ours(kOurs));
  CHECK_FALSE(guard.is_ours(kOther));
  CHECK_FALSE(guard.is_ours({kFar, kNear}));
}

TEST_CASE("a place is left when its holder ends") {
  LoopGuard guard;
  std::optional<LoopGuard::Place> first = guard.enter(kOurs);
  LoopGuard::Place moved = std::move(*first);
  first.reset();
  CHECK(guard.is_ours(kOurs));
  moved = {};
  CHECK_FALSE(guard.is_ours(kOurs));
  moved = guard.enter(kOther);
  moved = guard.enter(kOurs);
  CHECK(guard.size() == 1);
  CHECK(guard.is_ours(kOurs));
}

TEST_CASE("each holder has its own place") {
  LoopGuard guard;
  auto one = guard.enter(kOurs);
  auto other = guard.enter(kOther);
  one = {};
  CHECK_FALSE(guard.is_ours(kOurs));
  CHECK(guard.is_ours(kOther));
  other = {};
  CHECK(guard.size() == 0);
}

}  // namespace
}  // namespace fairlead::agent
