#pragma once
// `explain CODE` of both programs: cause and next step of a reason code; without a code, all of them.
#include <string_view>

#include "common/config/command_line.h"

namespace fairlead::config {

enum class AnswerFormat : std::uint8_t { text, json };

// An unknown code: exit code 2, and the known one that is near. An empty code lists all.
Answer explain(std::string_view code, AnswerFormat format);

}  // namespace fairlead::config
