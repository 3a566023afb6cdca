#include "common/http/fields.h"

#include <algorithm>

namespace fairlead::http {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

}  // namespace

bool is_token_byte(char c) {
  const char small = lower(c);
  return (small >= 'a' && small <= 'z') || (c >= '0' && c <= '9') ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

bool is_token(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, is_token_byte);
}

bool is_field_value(std::string_view text) {
  return std::ranges::all_of(text,
                             [](char c) { return c == '\t' || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f); });
}

std::string_view trim(std::string_view text) {
  while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
  while (text.ends_with(' ') || text.ends_with('\t')) text.remove_suffix(1);
  return text;
}

bool same_word(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, {}, lower, lower);
}

bool starts_with_word(std::string_view text, std::string_view beginning) {
  return same_word(text.substr(0, beginning.size()), beginning);
}

Found find_field(const Fields& fields, std::string_view name) {
  Found out;
  for (const Field& field : fields) {
    if (!same_word(field.name, name)) continue;
    ++out.count;
    out.value = field.value;
  }
  return out;
}

std::vector<std::string_view> list_members(const Fields& fields, std::string_view name) {
  std::vector<std::string_view> out;
  for (const Field& field : fields) {
    if (!same_word(field.name, name)) continue;
    std::string_view rest = field.value;
    while (!rest.empty()) {
      const auto stop = std::min(rest.find(','), rest.size());
      const std::string_view member = trim(rest.substr(0, stop));
      if (!member.empty()) out.push_back(member);
      rest.remove_prefix(std::min(stop + 1, rest.size()));
    }
  }
  return out;
}

bool has_member(const std::vector<std::string_view>& members, std::string_view word) {
  return std::ranges::any_of(members, [word](std::string_view member) { return same_word(member, word); });
}

}  // namespace fairlead::http
