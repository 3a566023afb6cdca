#pragma once
// A TOML file as plain values that remember their lines. parse_toml is the only door to toml++: nobody else includes
// it. Serves config::Section; any thread. Strings are as written: `${NAME}` is expanded when a key is read.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace fairlead::config {

inline constexpr std::size_t kMaxFileBytes = 1024 * 1024;
inline constexpr std::size_t kMaxNesting = 16;   // arrays and inline tables in one another
inline constexpr std::size_t kMaxKeyParts = 32;  // a.b.c: each part is a table inside the one before it

enum class Kind : std::uint8_t { text, integer, real, boolean, time, array, table };

struct Member;

struct Value {
  Kind kind = Kind::table;
  int line = 1;
  std::string text;             // Kind::text
  std::int64_t integer = 0;     // Kind::integer; 0 or 1 for Kind::boolean
  std::vector<Value> items;     // Kind::array
  std::vector<Member> members;  // Kind::table, in the order of their keys
};

struct Member {
  std::string key;
  Value value;
};

// "a string", "an integer": for messages.
std::string_view kind_name(Kind kind);

// The root table. Errors: `FILE:LINE: KEY: what is wrong`.
Result<Value> parse_toml(std::string_view text, const std::string& file);
// Reads the file (at most kMaxFileBytes) and parses it.
Result<Value> read_toml(const std::string& file);

}  // namespace fairlead::config
