#pragma once
// A server's session whose peer is the test itself: what a broken or hostile agent may send.
#include "common/core/server_session.h"
#include "tests/common/core/session_pair.h"

namespace fairlead::test {

inline const TimePoint kStart{1h};

struct RawAgent {
  core::ServerSession server{kStart};

  void say(const wire::ControlMessage& message, TimePoint now = kStart) { server.receive(written(message), now); }
  void welcome() {
    say(some_hello());
    expect<core::server_event::HelloReceived>(server);
    server.welcome(some_welcome(), kStart);
    take_messages(server);
    say(wire::Pong{1});
    expect<core::server_event::RttMeasured>(server);
  }
  // The session failed with `reason`, told the agent so, and reads no more.
  void check_failed(Reason reason) {
    CHECK(expect<core::server_event::Failed>(server).reason == reason);
    CHECK_FALSE(server.finished());
    const auto said = take_messages(server);
    REQUIRE(!said.empty());
    REQUIRE(std::holds_alternative<wire::Refused>(said.back()));
    CHECK(std::get<wire::Refused>(said.back()).claim == 0);
    CHECK(std::get<wire::Refused>(said.back()).code == reason_code(reason));
    CHECK(server.finished());
    CHECK_FALSE(server.deadline());
    say(some_hello());
    say(wire::Ping{1});
    expect_silence(server);
    CHECK(server.output().empty());
  }
};

inline wire::Register service(std::uint32_t claim) {
  return {claim, "web", "", 443, {}, {}};
}

}  // namespace fairlead::test
