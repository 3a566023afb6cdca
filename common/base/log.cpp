#include "common/base/log.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>

#include "common/base/json_writer.h"

namespace fairlead {
namespace {

constexpr std::array<std::string_view, 5> kLevelNames{"trace", "debug", "info", "warn", "error"};

// The one process-wide state of the program: where a log line goes is decided by main, for everybody.
std::atomic<Level> g_level{Level::info};
std::atomic<LogFormat> g_format{LogFormat::text};

std::string timestamp() {
  using namespace std::chrono;
  // Field by field: fmt's own formatting of times brings iostreams and locales into the agent.
  const auto now = floor<milliseconds>(system_clock::now());
  const auto day = floor<days>(now);
  const year_month_day date(day);
  const hh_mm_ss time(now - day);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), time.hours().count(),
                     time.minutes().count(), time.seconds().count(), time.subseconds().count());
}

std::string json_line(Level level, std::string_view message, std::initializer_list<LogField> fields) {
  JsonWriter json;
  json.begin_object().field("ts", timestamp()).field("level", kLevelNames[static_cast<std::size_t>(level)]);
  json.field("msg", message);
  for (const LogField& field : fields) {
    if (field.is_number && field.value.size() < 19) {  // fits any signed 64-bit integer
      json.field(field.name, static_cast<std::int64_t>(std::stoll(field.value)));
    } else {
      json.field(field.name, field.value);
    }
  }
  return json.end_object().take() + "\n";
}

// A value from outside must not be able to forge a line or a field: what is not plain is quoted and escaped as in JSON.
void append_text_value(std::string& line, const LogField& field) {
  const bool plain =
      !field.value.empty() &&
      field.value.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.:/[]*@+,") ==
          std::string::npos;
  line += plain ? field.value : JsonWriter().value(field.value).text();
}

std::string text_line(Level level, std::string_view message, std::initializer_list<LogField> fields) {
  std::string line = fmt::format("{} {:<5} {}", timestamp(), kLevelNames[static_cast<std::size_t>(level)], message);
  for (const LogField& field : fields) {
    line += fmt::format(" {}=", field.name);
    append_text_value(line, field);
  }
  return line + "\n";
}

}  // namespace

std::optional<Level> parse_level(std::string_view text) {
  for (std::size_t i = 0; i < kLevelNames.size(); ++i) {
    if (kLevelNames[i] == text) return static_cast<Level>(i);
  }
  return std::nullopt;
}

void set_log_format(LogFormat format) {
  g_format = format;
}

void set_log_level(Level level) {
  g_level = level;
}

bool log_enabled(Level level) {
  return level >= g_level.load(std::memory_order_relaxed);
}

void log(Level level, std::string_view message, std::initializer_list<LogField> fields) {
  if (!log_enabled(level)) return;
  const std::string line =
      g_format == LogFormat::json ? json_line(level, message, fields) : text_line(level, message, fields);
  // A log that cannot be written must not stop the service.
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace fairlead
