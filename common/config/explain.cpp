#include "common/config/explain.h"

#include <fmt/core.h>

#include <string>
#include <vector>

#include "common/base/json_writer.h"
#include "common/base/reason.h"
#include "common/config/nearest.h"

namespace fairlead::config {
namespace {

std::vector<std::string_view> all_codes() {
  std::vector<std::string_view> codes;
  for (std::size_t i = 0; i < reason_count(); ++i) codes.push_back(reason_code(static_cast<Reason>(i)));
  return codes;
}

std::string as_text(const ReasonText& reason) {
  return fmt::format("{}\n  cause: {}\n  next step: {}\n", reason.code, reason.cause, reason.next_step);
}

void write_json(const ReasonText& reason, JsonWriter& out) {
  out.begin_object();
  out.field("code", reason.code).field("cause", reason.cause).field("next_step", reason.next_step);
  out.end_object();
}

Answer explain_all(AnswerFormat format) {
  Answer answer;
  JsonWriter json;
  json.begin_object().key("reasons").begin_array();
  for (std::size_t i = 0; i < reason_count(); ++i) {
    const ReasonText& reason = reason_text(static_cast<Reason>(i));
    if (format == AnswerFormat::text) answer.out += as_text(reason);
    write_json(reason, json);
  }
  json.end_array().end_object();
  if (format == AnswerFormat::json) answer.out = json.take() + "\n";
  return answer;
}

}  // namespace

Answer explain(std::string_view code, AnswerFormat format) {
  if (code.empty()) return explain_all(format);
  const auto reason = find_reason(code);
  if (!reason) {
    return {kExitUnusable, "",
            fmt::format("explain: \"{}\" is not a reason code{}; `explain` alone lists all\n", shown(code),
                        nearest_hint(code, all_codes()))};
  }
  if (format == AnswerFormat::text) return {kExitSuccess, as_text(reason_text(*reason)), ""};
  JsonWriter json;
  write_json(reason_text(*reason), json);
  return {kExitSuccess, json.take() + "\n", ""};
}

}  // namespace fairlead::config
