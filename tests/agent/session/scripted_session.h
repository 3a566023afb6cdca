#pragma once
// The agent's end of a session without a network: welcomed at once, and what it says can be read message by message.
#include <utility>
#include <vector>

#include "common/base/byte_writer.h"
#include "common/core/agent_session.h"
#include "tests/support/doctest.h"

namespace fairlead::agent {

struct ScriptedSession {
  ScriptedSession() {
    tell(wire::Welcome{});
    REQUIRE(session.next_event().has_value());
    said();
  }
  // As from the rendezvous.
  void tell(const wire::ControlMessage& message) {
    Bytes bytes;
    ByteWriter writer(bytes);
    wire::write_control_message(message, writer);
    session.receive(bytes, now);
  }
  // Everything that the agent has said since the last call.
  std::vector<wire::ControlMessage> said() {
    std::vector<wire::ControlMessage> out;
    Bytes bytes(session.output().begin(), session.output().end());
    session.sent(bytes.size());
    ByteView rest = bytes;
    while (!rest.empty()) {
      const auto parsed = wire::parse_control_message(rest);
      const auto* done = std::get_if<wire::Done<wire::ControlMessage>>(&parsed);
      REQUIRE(done != nullptr);
      out.push_back(done->value);
      rest = rest.subspan(done->consumed);
    }
    return out;
  }
  // Of one kind; fails the test when there is another.
  template <class Message>
  std::vector<Message> said_only() {
    std::vector<Message> out;
    for (const auto& each : said()) {
      if (std::holds_alternative<wire::Ping>(each)) continue;
      REQUIRE(std::holds_alternative<Message>(each));
      out.push_back(std::get<Message>(each));
    }
    return out;
  }

  TimePoint now{};
  core::AgentSession session{wire::Hello{}, TimePoint{}};
};

}  // namespace fairlead::agent
