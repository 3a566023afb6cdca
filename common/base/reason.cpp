#include "common/base/reason.h"

#include <array>

namespace fairlead {
namespace {

constexpr std::array kReasons{
#define REASON(code, cause, next_step) ReasonText{#code, cause, next_step},
#include "common/base/reason.def"
#undef REASON
};

}  // namespace

std::size_t reason_count() {
  return kReasons.size();
}

const ReasonText& reason_text(Reason reason) {
  return kReasons[static_cast<std::size_t>(reason)];
}

std::string_view reason_code(Reason reason) {
  return reason_text(reason).code;
}

std::optional<Reason> find_reason(std::string_view code) {
  for (std::size_t i = 0; i < kReasons.size(); ++i) {
    if (kReasons[i].code == code) return static_cast<Reason>(i);
  }
  return std::nullopt;
}

}  // namespace fairlead
