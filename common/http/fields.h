#pragma once
// The fields of an HTTP message (RFC 9110 §5) as views into the caller's buffer, and the lists in them. Pure; any
// thread.
#include <string_view>
#include <vector>

namespace fairlead::http {

struct Field {
  std::string_view name;   // as written; a token
  std::string_view value;  // without the white space around it
  bool operator==(const Field&) const = default;
};
using Fields = std::vector<Field>;

bool is_token(std::string_view text);  // RFC 9110 §5.6.2
bool is_token_byte(char c);
bool is_field_value(std::string_view text);    // no control characters but tabs; bytes above 0x7f pass (§5.5)
std::string_view trim(std::string_view text);  // of spaces and tabs

// Names and the keywords in values are compared so (ASCII).
bool same_word(std::string_view a, std::string_view b);
bool starts_with_word(std::string_view text, std::string_view beginning);

// How many fields have this name; `value`: of the last of them.
struct Found {
  std::size_t count = 0;
  std::string_view value;
};
Found find_field(const Fields& fields, std::string_view name);

// The members of a comma-separated list that may stand in several fields of one name (RFC 9110 §5.6.1), empty ones left
// out. Not for lists whose members are quoted.
std::vector<std::string_view> list_members(const Fields& fields, std::string_view name);
bool has_member(const std::vector<std::string_view>& members, std::string_view word);

}  // namespace fairlead::http
