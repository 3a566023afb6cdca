#include "common/front/opening.h"

#include <algorithm>
#include <utility>

#include "common/base/check.h"

namespace fairlead::front {
namespace {
constexpr std::size_t kFirstBuffer = 2 * 1024;  // most hellos fit; it doubles when one does not
}

MutableBytes Opening::space() {
  const std::size_t room = std::clamp(used_, std::min(kFirstBuffer, most_bytes_), most_bytes_);
  buffer_.resize(std::min(used_ + room, most_bytes_ + 1));
  return MutableBytes(buffer_).subspan(used_);
}

std::optional<Opening::Outcome> Opening::came(std::size_t n) {
  used_ += n;
  CHECK(used_ <= buffer_.size());
  buffer_.resize(used_);
  return n == 0 ? std::nullopt : look();
}

std::optional<Opening::Outcome> Opening::look() {
  while (used_ > 0) {
    OpeningStep step = machine_->look(buffer_);
    buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(step.consumed));
    used_ = buffer_.size();
    output_.insert(output_.end(), step.reply.begin(), step.reply.end());
    if (step.caller) caller_ = step.caller;
    if (auto* next = std::get_if<OpeningStep::Next>(&step.result)) {
      machine_ = std::move(next->machine);
      continue;
    }
    if (auto* opened = std::get_if<Opened>(&step.result)) return std::move(*opened);
    if (const auto* refused = std::get_if<Reason>(&step.result)) return *refused;
    if (used_ > most_bytes_) return Reason::classify_too_long;
    break;
  }
  return std::nullopt;
}

void Opening::sent(std::size_t n) {
  output_.erase(output_.begin(), output_.begin() + static_cast<std::ptrdiff_t>(n));
}

}  // namespace fairlead::front
