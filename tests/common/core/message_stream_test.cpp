#include "common/core/message_stream.h"

#include "tests/common/core/session_pair.h"

namespace fairlead::core {
namespace {

using test::written;

TEST_CASE("messages come out whole, however they arrive") {
  Bytes bytes = written(wire::Ping{1});
  const Bytes second = written(wire::Refused{2, "internal", 3, "four"});
  bytes.insert(bytes.end(), second.begin(), second.end());
  MessageStream stream;
  std::vector<wire::ControlMessage> got;
  for (const std::uint8_t byte : bytes) {
    stream.append(ByteView(&byte, 1));
    for (;;) {
      auto message = stream.next();
      REQUIRE(message);
      if (!*message) break;
      got.push_back(**message);
    }
  }
  REQUIRE(got.size() == 2);
  CHECK(got[0] == wire::ControlMessage(wire::Ping{1}));
  CHECK(std::get<wire::Refused>(got[1]).detail == "four");
}

TEST_CASE("several messages in one read, and a broken one behind them") {
  Bytes bytes = written(wire::Ping{1});
  bytes.insert(bytes.end(), {0xff, 0xff, 0, 0, 0, 0});
  MessageStream stream;
  stream.append(bytes);
  CHECK(stream.next().value().has_value());
  CHECK(stream.next().error().reason == Reason::protocol_error);
}

TEST_CASE("the output queue is bounded and keeps what was accepted") {
  MessageStream stream;
  std::size_t accepted = 0;
  while (stream.send(wire::Ping{accepted})) ++accepted;
  const std::size_t each = written(wire::Ping{0}).size();
  CHECK(accepted == kMaxQueued / each);
  CHECK(stream.output().size() == accepted * each);
  stream.sent(each);  // room for one more
  CHECK(stream.send(wire::Ping{0}));
  CHECK_FALSE(stream.send(wire::Ping{0}));
}

TEST_CASE("a peer that always leaves a rest does not make the buffer grow") {
  MessageStream stream;
  std::uint64_t next_in = 0;
  std::uint64_t next_out = 0;
  const std::size_t each = written(wire::Ping{0}).size();
  for (int i = 0; i < 60'000; ++i) {
    REQUIRE(stream.send(wire::Ping{next_in++}));
    if (i < 10) continue;
    const auto parsed = wire::parse_control_message(stream.output());
    const auto& done = std::get<wire::Done<wire::ControlMessage>>(parsed);
    if (!(done.value == wire::ControlMessage(wire::Ping{next_out++}))) FAIL("out of order at " << i);
    stream.sent(each);
  }
  CHECK(stream.output().size() == 10 * each);
}

}  // namespace
}  // namespace fairlead::core
