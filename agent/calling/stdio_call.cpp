#include "agent/calling/stdio_call.h"

#include "common/net/socket_stream.h"

namespace fairlead::agent {
namespace {
constexpr Duration kLook = 10ms;  // whether the last record for the service has gone out
}

StdioCall::StdioCall(const CallTools& tools, CalledService& service, const net::RelayLimits& limits, OnDone on_done)
    : tools_(tools),
      service_(service),
      limits_(limits),
      on_done_(std::move(on_done)),
      last_words_([](void* self) { static_cast<StdioCall*>(self)->look_whether_done(); }, this) {}

Result<void> StdioCall::start(int in, int out) {
  auto pumps = StdioPumps::start(tools_.poller(), in, out, [this] {
    written_ = true;
    look_whether_done();
  });
  if (!pumps) return tl::unexpected(pumps.error());
  pumps_ = std::move(*pumps);
  call_ = std::make_unique<Call>(tools_, service_, std::make_unique<net::SocketStream>(pumps_->take_socket()),
                                 CallWords(), limits_, RelayShare(), [this](Call& /*call*/, const CallEnd& how) {
                                   end_ = how;
                                   tools_.loop().retire(std::move(call_));  // with it, what it held of the socket pair
                                   look_whether_done();
                                 });
  call_->start();
  return {};
}

void StdioCall::look_whether_done() {
  if (!written_ || !end_ || !on_done_) return;
  if (tools_.relay.farewells.active() > 0) {
    return tools_.loop().timers().arm(last_words_, tools_.loop().now() + kLook);
  }
  const OnDone done = std::exchange(on_done_, nullptr);
  done(*end_);
}

}  // namespace fairlead::agent
