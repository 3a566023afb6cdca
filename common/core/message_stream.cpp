#include "common/core/message_stream.h"

#include <algorithm>

#include "common/base/byte_writer.h"
#include "common/base/check.h"

namespace fairlead::core {

wire::Drain drain_message(Duration within) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(within).count();
  return {static_cast<std::uint32_t>(std::clamp<std::int64_t>(ms, 0, UINT32_MAX))};
}

wire::Refused refused_message(std::uint32_t claim, Reason reason, Duration retry_after, std::string detail) {
  const auto seconds =
      std::clamp<std::int64_t>(std::chrono::ceil<std::chrono::seconds>(retry_after).count(), 0, UINT32_MAX);
  return {claim, std::string(reason_code(reason)), static_cast<std::uint32_t>(seconds), std::move(detail)};
}

void MessageStream::append(ByteView in) {
  in_.erase(in_.begin(), in_.begin() + static_cast<std::ptrdiff_t>(in_read_));
  in_read_ = 0;
  in_.insert(in_.end(), in.begin(), in.end());
}

Result<std::optional<wire::ControlMessage>> MessageStream::next() {
  auto parsed = wire::parse_control_message(ByteView(in_).subspan(in_read_));
  if (std::holds_alternative<wire::Malformed>(parsed)) {
    return fail(std::get<wire::Malformed>(parsed).reason, "a control message could not be read");
  }
  if (auto* done = std::get_if<wire::Done<wire::ControlMessage>>(&parsed)) {
    in_read_ += done->consumed;
    return std::optional(std::move(done->value));
  }
  if (in_read_ == in_.size()) drop_input();
  return std::optional<wire::ControlMessage>();
}

bool MessageStream::send(const wire::ControlMessage& message) {
  const std::size_t before = out_.size();
  ByteWriter writer(out_);
  wire::write_control_message(message, writer);
  if (out_.size() - out_sent_ <= kMaxQueued) return true;
  out_.resize(before);
  return false;
}

void MessageStream::sent(std::size_t n) {
  CHECK(n <= out_.size() - out_sent_);
  out_sent_ += n;
  if (out_sent_ == out_.size()) {
    Bytes().swap(out_);
    out_sent_ = 0;
  } else if (out_sent_ > kMaxQueued) {  // a peer that always reads a little must not make the buffer grow
    out_.erase(out_.begin(), out_.begin() + static_cast<std::ptrdiff_t>(out_sent_));
    out_sent_ = 0;
  }
}

void MessageStream::drop_input() {
  Bytes().swap(in_);
  in_read_ = 0;
}

}  // namespace fairlead::core
