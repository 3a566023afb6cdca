#include "common/http/target.h"

#include <algorithm>

#include "common/http/fields.h"

namespace fairlead::http {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_hex(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}
bool is_name_byte(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '.' || c == '_' ||
         c == '~';
}

}  // namespace

bool is_authority(std::string_view text) {
  constexpr std::size_t kMaxHost = 255;
  constexpr std::size_t kMaxPort = 5;
  std::size_t host = 0;
  if (text.starts_with('[')) {
    const auto end = text.find(']');
    if (end == std::string_view::npos || end < 3) return false;
    const auto address_byte = [](char c) { return is_hex(c) || c == ':' || c == '.'; };
    if (!std::ranges::all_of(text.substr(1, end - 1), address_byte)) return false;
    host = end + 1;
  } else {
    while (host < text.size() && is_name_byte(text[host])) ++host;
  }
  if (host == 0 || host > kMaxHost) return false;
  if (host == text.size()) return true;
  const std::string_view port = text.substr(host + 1);
  return text[host] == ':' && !port.empty() && port.size() <= kMaxPort && std::ranges::all_of(port, is_digit);
}

TargetForm target_form(std::string_view method, std::string_view target) {
  if (method == "CONNECT") {
    return is_authority(target) && target.find(':') != std::string_view::npos ? TargetForm::authority
                                                                              : TargetForm::wrong;
  }
  if (target.starts_with('/')) return TargetForm::origin;
  if (target == "*") return method == "OPTIONS" ? TargetForm::asterisk : TargetForm::wrong;
  const bool absolute = starts_with_word(target, "http://") || starts_with_word(target, "https://");
  return absolute ? TargetForm::absolute : TargetForm::wrong;
}

}  // namespace fairlead::http
