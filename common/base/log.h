#pragma once
// Structured log lines on stderr: a fixed message plus fields, text or JSON. Thread-safe: one write(2) a line.
// Codecs and core never log. Never log payload bytes or keys.
//   log(Level::info, "session opened", {{"agent", id}, {"peer", address}});
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

namespace fairlead {

enum class Level : std::uint8_t { trace, debug, info, warn, error };
enum class LogFormat : std::uint8_t { text, json };

struct LogField {
  LogField(std::string_view field_name, std::string_view text) : name(field_name), value(text) {}
  LogField(std::string_view field_name, const char* text) : name(field_name), value(text) {}
  LogField(std::string_view field_name, const std::string& text) : name(field_name), value(text) {}
  template <class T>
    requires std::is_integral_v<T>
  LogField(std::string_view field_name, T number) : name(field_name), value(std::to_string(number)), is_number(true) {}

  std::string_view name;
  std::string value;
  bool is_number = false;
};

std::optional<Level> parse_level(std::string_view text);
// Set once by main, before threads start; the level alone may change later.
void set_log_format(LogFormat format);
void set_log_level(Level level);
bool log_enabled(Level level);
void log(Level level, std::string_view message, std::initializer_list<LogField> fields = {});

}  // namespace fairlead
