#pragma once
// An agent's and a server's session joined back to back, with a clock that tests move. Bytes travel at once, in chunks.
#include <algorithm>
#include <vector>

#include "common/core/agent_session.h"
#include "common/core/server_session.h"
#include "tests/support/doctest.h"

namespace fairlead::test {

inline wire::Hello some_hello() {
  wire::Hello hello;
  hello.software = "test";
  hello.endpoint = "nas1";
  hello.cluster = "home";
  hello.features = 0b110;
  return hello;
}

inline wire::Welcome some_welcome() {
  wire::Welcome welcome;
  welcome.features = 0b011;
  welcome.address_seen = *SocketAddress::parse("192.0.2.7:40000");
  welcome.services_max = 4;
  return welcome;
}

inline Bytes written(const wire::ControlMessage& message) {
  Bytes out;
  ByteWriter writer(out);
  wire::write_control_message(message, writer);
  return out;
}

// The messages that a session has queued; takes them.
template <class Session>
std::vector<wire::ControlMessage> take_messages(Session& session) {
  std::vector<wire::ControlMessage> out;
  while (!session.output().empty()) {
    auto parsed = wire::parse_control_message(session.output());
    auto* done = std::get_if<wire::Done<wire::ControlMessage>>(&parsed);
    REQUIRE(done != nullptr);
    out.push_back(std::move(done->value));
    session.sent(done->consumed);
  }
  return out;
}

// The next event, which must be an E.
template <class E, class Session>
E expect(Session& session) {
  auto event = session.next_event();
  REQUIRE(event.has_value());
  REQUIRE(std::holds_alternative<E>(*event));
  return std::get<E>(std::move(*event));
}

template <class Session>
void expect_silence(Session& session) {
  CHECK_FALSE(session.next_event().has_value());
}

struct SessionPair {
  TimePoint now{1h};
  core::ServerSession server{now};
  core::AgentSession agent{some_hello(), now};

  // Moves bytes both ways until neither side has any.
  void exchange(std::size_t chunk = 65536) {
    while (!agent.output().empty() || !server.output().empty()) {
      move(agent, server, chunk);
      move(server, agent, chunk);
    }
  }
  // Both sides welcomed, first pings done, no event left.
  void welcome() {
    exchange();
    expect<core::server_event::HelloReceived>(server);
    server.welcome(some_welcome(), now);
    exchange();
    expect<core::agent_event::Welcomed>(agent);
    expect<core::agent_event::RttMeasured>(agent);
    expect<core::server_event::RttMeasured>(server);
    expect_silence(agent);
    expect_silence(server);
  }
  void pass(Duration time) {
    now += time;
    agent.on_time(now);
    server.on_time(now);
  }

 private:
  template <class From, class To>
  void move(From& from, To& to, std::size_t chunk) {
    const ByteView out = from.output();
    const Bytes bytes(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(std::min(chunk, out.size())));
    from.sent(bytes.size());
    to.receive(bytes, now);
  }
};

}  // namespace fairlead::test
