// A session of either side against arbitrary bytes, cut into arbitrary reads, with arbitrary times between them. Each
// step of the input: one byte that says what happens, then what it needs.
#include <algorithm>
#include <cstdint>

#include "common/base/byte_reader.h"
#include "common/base/check.h"
#include "common/core/agent_session.h"
#include "common/core/server_session.h"

namespace {

using namespace fairlead;

// An ended session is silent; a live one answers within its limits.
template <class Session>
void settle(Session& session, ByteReader& in) {
  bool last = false;
  while (auto event = session.next_event()) {
    CHECK(!last);
    last = event->index() == std::variant_size_v<std::decay_t<decltype(*event)>> - 1;
  }
  CHECK(session.output().size() <= core::kMaxQueued);
  if (last) CHECK(!session.deadline());
  session.sent(std::min<std::size_t>(session.output().size(), in.u8() * 16U));
}

void call(core::AgentSession& session, std::uint8_t what, ByteReader& in, TimePoint now, bool welcomed) {
  switch (what % 8) {
    case 0:
      if (welcomed) session.register_service({1U + in.u8(), "web", "", 1, {}, {}});
      break;
    case 1:
      session.unregister(in.u8(), Reason::shutting_down);
      break;
    case 2:
      session.probe(now, now + std::chrono::milliseconds(in.u16()));
      break;
    case 3:
      session.renew({0x30, 1});
      break;
    default:
      session.drain(1s);
  }
}

void call(core::ServerSession& session, std::uint8_t what, ByteReader& in, TimePoint now, bool greeted) {
  switch (what % 8) {
    case 0:
      session.registered({in.u8(), "web.home", {"a:1"}, {"::/0"}, 1});
      break;
    case 1:
      session.refuse(in.u8(), Reason::name_taken, 5s, "detail");
      break;
    case 2:
      session.probe(now, now + std::chrono::milliseconds(in.u16()));
      break;
    case 3:
      session.open_channels(in.u16());
      break;
    case 4:
      if (greeted) session.refuse_session(Reason::superseded, 1s, "detail");
      break;
    case 5:
      session.renewed({"", 0, {{0x30, 1}}, {{0x30, 2}}});
      break;
    default:
      session.set_pool_size(in.u8());
  }
}

// `opened`: the event after which the caller's answers are allowed.
template <class Opened, class Session>
void drive(Session& session, ByteReader in, TimePoint now) {
  bool opened = false;
  while (in.ok() && !in.empty()) {
    const std::uint8_t step = in.u8();
    if (step < 128) {
      const std::size_t n = std::min<std::size_t>(step + 1U, in.rest().size());
      session.receive(in.bytes(n), now);
      if (auto event = session.next_event()) {
        if (std::holds_alternative<Opened>(*event)) {
          opened = true;
          if constexpr (std::is_same_v<Session, core::ServerSession>) session.welcome({}, now);
        }
      }
    } else if (step < 192) {
      now += std::chrono::milliseconds(in.u16());
      session.on_time(now);
    } else {
      call(session, step, in, now, opened);
    }
    settle(session, in);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const TimePoint now(1h);
  ByteReader in(ByteView(data, size));
  if (in.u8() % 2 == 0) {
    core::AgentSession session({}, now);
    drive<core::agent_event::Welcomed>(session, in, now);
  } else {
    core::ServerSession session(now);
    drive<core::server_event::HelloReceived>(session, in, now);
  }
  return 0;
}
