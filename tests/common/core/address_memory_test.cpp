#include "common/core/address_memory.h"

#include "tests/support/doctest.h"

namespace fairlead::core {
namespace {

SocketAddress at(const char* text) {
  return *SocketAddress::parse(text);
}

const SocketAddress kA4 = at("192.0.2.1:443");
const SocketAddress kB4 = at("192.0.2.2:443");
const SocketAddress kC4 = at("192.0.2.3:443");
const SocketAddress kA6 = at("[2001:db8::1]:443");
const SocketAddress kB6 = at("[2001:db8::2]:443");

using Addresses = std::vector<SocketAddress>;
const TimePoint kStart{1h};

TEST_CASE("families take turns, beginning with the first one's") {
  const AddressMemory memory;
  CHECK(memory.order({}, kStart) == Addresses{});
  CHECK(memory.order({kA4}, kStart) == Addresses{kA4});
  CHECK(memory.order({kA6, kB6, kA4, kB4, kC4}, kStart) == Addresses{kA6, kA4, kB6, kB4, kC4});
  CHECK(memory.order({kA4, kB4, kC4, kA6}, kStart) == Addresses{kA4, kA6, kB4, kC4});
}

TEST_CASE("whoever failed comes last, the latest to fail after all others") {
  AddressMemory memory;
  memory.failed(kA4, kStart);
  CHECK(memory.order({kA4, kB4, kC4}, kStart) == Addresses{kB4, kC4, kA4});
  memory.failed(kB4, kStart + 1s);
  CHECK(memory.order({kA4, kB4, kC4}, kStart + 1s) == Addresses{kC4, kA4, kB4});
  memory.failed(kA4, kStart + 2s);
  CHECK(memory.order({kA4, kB4, kC4}, kStart + 2s) == Addresses{kC4, kB4, kA4});
  memory.failed(kC4, kStart + 3s);
  CHECK(memory.order({kA4, kB4, kC4}, kStart + 3s) == Addresses{kB4, kA4, kC4});
}

TEST_CASE("what has failed does not decide which family leads the others") {
  AddressMemory memory;
  memory.failed(kA6, kStart);
  CHECK(memory.order({kA6, kA4, kB6, kB4}, kStart) == Addresses{kA4, kB6, kB4, kA6});
}

TEST_CASE("a failure is forgotten by success, and with time") {
  AddressMemory memory;
  memory.failed(kA4, kStart);
  memory.failed(kB4, kStart + 1min);
  memory.worked(kB4);
  CHECK(memory.order({kA4, kB4}, kStart + 1min) == Addresses{kB4, kA4});
  CHECK(memory.order({kA4, kB4}, kStart + AddressMemory::kRemembered - 1us) == Addresses{kB4, kA4});
  CHECK(memory.order({kA4, kB4}, kStart + AddressMemory::kRemembered) == Addresses{kA4, kB4});
}

TEST_CASE("it is bounded: the oldest failure goes") {
  AddressMemory memory;
  memory.failed(kA4, kStart);
  for (std::size_t i = 0; i < AddressMemory::kMost; ++i) {
    memory.failed({kC4.ip, static_cast<std::uint16_t>(i + 1)}, kStart);
  }
  CHECK(memory.order({kA4, kB4}, kStart) == Addresses{kA4, kB4});
  CHECK(memory.order({{kC4.ip, 1}, kB4}, kStart) == Addresses{kB4, {kC4.ip, 1}});
}

}  // namespace
}  // namespace fairlead::core
