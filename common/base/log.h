#pragma once
// Structured log lines on stderr: a fixed message plus fields, text or JSON. Any thread, and none ever waits: main
// starts the one writer (log_writer.h), before which a line is written by whoever logs it. A line of level info or
// above with a field "reason" is limited by (reason, whom it is about): log_rate.h. Whom: the first of its fields
// agent, endpoint, service, rendezvous, path and the address (IPv6: its /64) of peer. Codecs and core never log. Never
// log payload bytes or keys.
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
// The same without a limit: for lines that the configuration asks for one by one.
void log_always(Level level, std::string_view message, std::initializer_list<LogField> fields);

// From here on lines wait in a queue of at most `most_bytes` for their writer, a thread. Once, before other threads.
void start_log_writer(std::size_t most_bytes);
// Before the program ends: gives the writer a moment for what is queued. Lines of later threads are still taken.
void flush_log();
// For a program that is about to abort, whatever locks it holds.
void settle_log();

struct LogCounts {
  std::uint64_t lines_lost = 0;      // found no room in the queue, or could not be written
  std::uint64_t lines_left_out = 0;  // said too often
};
LogCounts log_counts();

}  // namespace fairlead
