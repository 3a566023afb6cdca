#include <fmt/core.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <utility>

#include "common/config/key_parts.h"
#include "common/config/nearest.h"
#include "common/config/toml_library.h"
#include "common/config/value.h"

namespace fairlead::config {
namespace {

static_assert(TOML_MAX_NESTED_VALUES == kMaxNesting);

Value convert(const toml::node& node);

Value convert_table(const toml::table& table) {
  Value out;
  out.members.reserve(table.size());
  for (const auto& [key, node] : table) out.members.push_back({std::string(key.str()), convert(node)});
  return out;
}

Value convert_array(const toml::array& array) {
  Value out;
  out.kind = Kind::array;
  out.items.reserve(array.size());
  for (const toml::node& node : array) out.items.push_back(convert(node));
  return out;
}

// Recursion is bounded: toml++ has refused deep nesting, and find_overlong_key long dotted keys.
Value convert(const toml::node& node) {
  Value out;
  if (const auto* table = node.as_table()) {
    out = convert_table(*table);
  } else if (const auto* array = node.as_array()) {
    out = convert_array(*array);
  } else if (const auto* text = node.as_string()) {
    out.kind = Kind::text;
    out.text = text->get();
  } else if (const auto* integer = node.as_integer()) {
    out.kind = Kind::integer;
    out.integer = integer->get();
  } else if (const auto* boolean = node.as_boolean()) {
    out.kind = Kind::boolean;
    out.integer = boolean->get() ? 1 : 0;
  } else {
    out.kind = node.is_floating_point() ? Kind::real : Kind::time;
  }
  out.line = static_cast<int>(node.source().begin.line);
  return out;
}

// What a person would call the key on that line: the text before '=', or the table's name.
std::string key_on_line(std::string_view text, int line) {
  for (int i = 1; i < line; ++i) {
    const auto end = text.find('\n');
    if (end == std::string_view::npos) return "syntax";
    text.remove_prefix(end + 1);
  }
  text = text.substr(0, text.find_first_of("\r\n="));
  const auto first = text.find_first_not_of(" \t[");
  if (first == std::string_view::npos) return "syntax";
  text.remove_prefix(first);
  text = text.substr(0, text.find_first_of("]#"));
  const auto last = text.find_last_not_of(" \t");
  return last == std::string_view::npos ? "syntax" : shown(text.substr(0, last + 1));
}

tl::unexpected<Error> syntax_error(const std::string& file, std::string_view text, int line, std::string_view wrong) {
  return fail(Reason::config_invalid, fmt::format("{}:{}: {}: {}", file, line, key_on_line(text, line), shown(wrong)));
}

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

}  // namespace

std::string_view kind_name(Kind kind) {
  switch (kind) {
    case Kind::text:
      return "a string";
    case Kind::integer:
      return "an integer";
    case Kind::real:
      return "a fractional number";
    case Kind::boolean:
      return "true or false";
    case Kind::time:
      return "a date or time";
    case Kind::array:
      return "a list";
    case Kind::table:
      return "a table";
  }
  return "";
}

Result<Value> parse_toml(std::string_view text, const std::string& file) {
  if (text.size() > kMaxFileBytes) {
    return fail(Reason::config_invalid,
                fmt::format("{}:1: the file is too long; allowed: at most {} bytes", file, kMaxFileBytes));
  }
  if (const auto line = find_overlong_key(text)) {
    return syntax_error(file, text, *line, fmt::format("too many dots; allowed: at most {} parts", kMaxKeyParts));
  }
  const toml::parse_result parsed = toml::parse(text);
  if (!parsed) {
    const toml::parse_error& error = parsed.error();
    return syntax_error(file, text, static_cast<int>(error.source().begin.line), error.description());
  }
  return convert(parsed.table());
}

Result<Value> read_toml(const std::string& file) {
  const std::unique_ptr<std::FILE, CloseFile> in(std::fopen(file.c_str(), "rb"));
  if (!in) return fail(Reason::config_invalid, fmt::format("{}: cannot be opened: {}", file, std::strerror(errno)));
  std::string text(kMaxFileBytes + 1, '\0');
  errno = 0;
  text.resize(std::fread(text.data(), 1, text.size(), in.get()));
  if (std::ferror(in.get())) {
    return fail(Reason::config_invalid, fmt::format("{}: cannot be read: {}", file, std::strerror(errno)));
  }
  return parse_toml(text, file);
}

}  // namespace fairlead::config
