#include "common/base/log.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <mutex>
#include <span>
#include <vector>

#include "common/base/ip.h"
#include "common/base/json_writer.h"
#include "common/base/log_clock.h"
#include "common/base/log_rate.h"
#include "common/base/log_writer.h"
#include "common/base/source_key.h"

namespace fairlead {
namespace {

constexpr std::array<std::string_view, 5> kLevelNames{"trace", "debug", "info", "warn", "error"};

// The one process-wide state of the program: where a log line goes is decided by main, for everybody.
std::atomic<Level> g_level{Level::info};
std::atomic<LogFormat> g_format{LogFormat::text};
std::atomic<LogWriter*> g_writer{nullptr};  // never freed: threads may log until the process is gone

std::atomic<std::int64_t> g_clock_behind{0};              // seconds, see log_clock.h
std::atomic<std::int64_t> g_clock_implausible_before{0};  // seconds since 1970

constexpr std::chrono::milliseconds kFlushBound{500};
constexpr std::chrono::milliseconds kSettleBound{200};

std::string timestamp() {
  using namespace std::chrono;
  // Field by field: fmt's own formatting of times brings iostreams and locales into the agent.
  auto now = floor<milliseconds>(system_clock::now());
  if (floor<seconds>(now).time_since_epoch().count() < g_clock_implausible_before.load(std::memory_order_relaxed)) {
    now += seconds(g_clock_behind.load(std::memory_order_relaxed));
  }
  const auto day = floor<days>(now);
  const year_month_day date(day);
  const hh_mm_ss time(now - day);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), time.hours().count(),
                     time.minutes().count(), time.seconds().count(), time.subseconds().count());
}

using Fields = std::span<const LogField>;

std::string json_line(Level level, std::string_view message, Fields fields) {
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

std::string text_line(Level level, std::string_view message, Fields fields) {
  std::string line = fmt::format("{} {:<5} {}", timestamp(), kLevelNames[static_cast<std::size_t>(level)], message);
  for (const LogField& field : fields) {
    line += fmt::format(" {}=", field.name);
    append_text_value(line, field);
  }
  return line + "\n";
}

void write_line(Level level, std::string_view message, Fields fields) {
  const std::string line =
      g_format == LogFormat::json ? json_line(level, message, fields) : text_line(level, message, fields);
  if (LogWriter* writer = g_writer.load(std::memory_order_acquire)) return writer->push(line);
  // A log that cannot be written must not stop the service.
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line.data(), line.size());
}

std::string lost_line(std::uint64_t lines) {
  const LogField field("lines_lost", lines);
  return g_format == LogFormat::json ? json_line(Level::warn, "log lines lost", {&field, 1})
                                     : text_line(Level::warn, "log lines lost", {&field, 1});
}

std::string_view value_of(Fields fields, std::string_view name) {
  for (const LogField& field : fields) {
    if (field.name == name) return field.value;
  }
  return {};
}

// One host has as many ports as it likes, and as many addresses of its network.
std::string source_of(std::string_view peer) {
  const auto address = SocketAddress::parse(peer);
  const auto ip = address ? std::optional(address->ip) : IpAddress::parse(peer);
  return ip ? SourceKey::of(*ip).to_string() : std::string(peer);
}

// A peer that did not show who it is names whatever it likes: only its address counts.
std::string whom(Fields fields) {
  if (const auto agent = value_of(fields, "agent"); !agent.empty()) return std::string(agent);
  if (const auto peer = value_of(fields, "peer"); !peer.empty()) return source_of(peer);
  for (const std::string_view name : {"endpoint", "service", "rendezvous", "path"}) {
    if (const auto value = value_of(fields, name); !value.empty()) return std::string(value);
  }
  return {};
}

// What was said, and who was told too often: looked at by whoever logs, at most once in kRateQuiet.
class LimitedLog {
 public:
  void write(Level level, std::string_view message, Fields fields, std::string_view reason) {
    const auto now =
        TimePoint(std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch()));
    const LogRates::Verdict verdict = ask(reason, whom(fields), now);
    if (!verdict.say) return;
    if (verdict.left_out == 0) return write_line(level, message, fields);
    std::vector<LogField> more(fields.begin(), fields.end());
    more.emplace_back("left_out", verdict.left_out);
    write_line(level, message, more);
  }

  std::uint64_t left_out() {
    const std::lock_guard lock(mutex_);
    return rates_.left_out();
  }

 private:
  LogRates::Verdict ask(std::string_view reason, std::string_view who, TimePoint now) {
    const std::lock_guard lock(mutex_);
    if (now - looked_ >= kRateQuiet) {
      looked_ = now;
      for (const LogRates::LeftOut& each : rates_.take_quiet(now)) {
        const LogField told[] = {{"reason", each.reason}, {"about", each.who}, {"left_out", each.lines}};
        write_line(Level::info, "lines left out", told);
      }
    }
    return rates_.ask(reason, who, now);
  }

  std::mutex mutex_;
  LogRates rates_;
  TimePoint looked_;
};

LimitedLog& limited_log() {
  static auto* log = new LimitedLog;  // never freed, as the writer
  return *log;
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
  const Fields all(fields.begin(), fields.size());
  const std::string_view reason = value_of(all, "reason");
  if (level < Level::info || reason.empty()) return write_line(level, message, all);
  limited_log().write(level, message, all, reason);
}

void log_always(Level level, std::string_view message, std::initializer_list<LogField> fields) {
  if (log_enabled(level)) write_line(level, message, {fields.begin(), fields.size()});
}

void start_log_writer(std::size_t most_bytes) {
  g_writer.store(new LogWriter(STDERR_FILENO, most_bytes, &lost_line), std::memory_order_release);
}

void flush_log() {
  if (LogWriter* writer = g_writer.load(std::memory_order_acquire)) writer->flush(kFlushBound);
}

void settle_log() {
  if (const LogWriter* writer = g_writer.load(std::memory_order_acquire)) writer->settle(kSettleBound);
}

void correct_log_times(std::chrono::seconds behind, WallTime implausible_before) {
  g_clock_behind.store(behind.count(), std::memory_order_relaxed);
  g_clock_implausible_before.store(implausible_before.time_since_epoch().count(), std::memory_order_relaxed);
}

LogCounts log_counts() {
  const LogWriter* writer = g_writer.load(std::memory_order_acquire);
  return {.lines_lost = writer != nullptr ? writer->lines_lost() : 0, .lines_left_out = limited_log().left_out()};
}

}  // namespace fairlead
