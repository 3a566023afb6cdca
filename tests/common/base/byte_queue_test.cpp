#include "common/base/byte_queue.h"

#include "tests/support/doctest.h"

using namespace fairlead;

TEST_CASE("bytes come out in order, whatever the pieces") {
  ByteQueue queue;
  std::uint8_t in = 0;
  std::uint8_t out = 0;
  for (std::size_t round = 0; round < 500; ++round) {
    Bytes more(round * 7 % 23);
    for (std::uint8_t& byte : more) byte = in++;
    queue.append(more);
    const std::size_t n = queue.size() * (round % 5) / 4;
    for (const std::uint8_t byte : queue.view().first(n)) REQUIRE(byte == out++);
    queue.take(n);
  }
  CHECK(queue.size() == static_cast<std::uint8_t>(in - out));
}

TEST_CASE("an emptied queue is empty and usable") {
  ByteQueue queue;
  queue.append(Bytes(10000, 1));
  queue.take(10000);
  CHECK(queue.empty());
  queue.append(Bytes{1, 2});
  queue.clear();
  CHECK(queue.view().empty());
  queue.tail().push_back(3);
  CHECK(queue.view()[0] == 3);
}
