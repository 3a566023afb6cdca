#include "common/config/toml_text.h"

#include "common/base/json_writer.h"

namespace fairlead::config {
namespace {

// "$${" is a literal "${".
std::string without_variables(std::string_view text) {
  std::string out;
  for (auto at = text.find("${"); at != std::string_view::npos; at = text.find("${")) {
    out.append(text.substr(0, at)).append("$${");
    text.remove_prefix(at + 2);
  }
  return out.append(text);
}

}  // namespace

// TOML's basic strings have JSON's escapes.
std::string toml_text(std::string_view text) {
  return JsonWriter().value(without_variables(text)).take();
}

std::string toml_list(const std::vector<std::string>& texts) {
  JsonWriter out;
  out.begin_array();
  for (const std::string& text : texts) out.value(without_variables(text));
  return out.end_array().take();
}

}  // namespace fairlead::config
