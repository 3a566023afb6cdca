#pragma once
// Bytes of a control channel <-> control messages, with bounded queues on both sides. Part of AgentSession and
// ServerSession. An idle one holds no memory: 20,000 agents are mostly idle.
#include <optional>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/base/time.h"
#include "common/wire/control_message.h"

namespace fairlead::core {

// A peer that lets this much pile up does not read; it is failed, never buffered for without end.
inline constexpr std::size_t kMaxQueued = 256 * 1024;
inline constexpr std::size_t kMaxCandidates = 8;  // addresses that one session offers for a dial-back

// Values cut to what the messages can say; retry_after is rounded up to seconds.
wire::Drain drain_message(Duration within);
wire::Refused refused_message(std::uint32_t claim, Reason reason, Duration retry_after, std::string detail);

class MessageStream {
 public:
  // Messages come out of next() until it answers nullopt (the rest waits for more bytes) or an error.
  void append(ByteView in);
  Result<std::optional<wire::ControlMessage>> next();  // protocol_error

  // False: the queue would exceed kMaxQueued, nothing was added.
  [[nodiscard]] bool send(const wire::ControlMessage& message);
  ByteView output() const { return ByteView(out_).subspan(out_sent_); }
  void sent(std::size_t n);
  void drop_input();

 private:
  Bytes in_;
  std::size_t in_read_ = 0;
  Bytes out_;
  std::size_t out_sent_ = 0;
};

}  // namespace fairlead::core
