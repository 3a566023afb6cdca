#include "common/base/log.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <functional>

#include "common/base/log_clock.h"
#include "tests/support/doctest.h"

namespace fairlead {
namespace {

using namespace std::string_literals;

// What `write` sends to stderr. The pipe holds it: log lines of a test are far below its capacity.
std::string stderr_of(const std::function<void()>& write) {
  std::array<int, 2> ends{};
  REQUIRE(pipe(ends.data()) == 0);
  const int saved = dup(STDERR_FILENO);
  dup2(ends[1], STDERR_FILENO);
  close(ends[1]);
  write();
  dup2(saved, STDERR_FILENO);
  close(saved);
  std::string out;
  std::array<char, 4096> buffer{};
  for (ssize_t n = 0; (n = read(ends[0], buffer.data(), buffer.size())) > 0;) {
    out.append(buffer.data(), static_cast<std::size_t>(n));
  }
  close(ends[0]);
  return out;
}

// The line without its time, which begins every text line.
std::string text_line(std::string_view message, std::initializer_list<LogField> fields) {
  set_log_format(LogFormat::text);
  const std::string line = stderr_of([&] { log(Level::warn, message, fields); });
  return line.substr(std::min(line.find(' ') + 1, line.size()));
}
std::string json_line(std::string_view message, std::initializer_list<LogField> fields) {
  set_log_format(LogFormat::json);
  std::string line = stderr_of([&] { log(Level::warn, message, fields); });
  set_log_format(LogFormat::text);
  return line.substr(std::min(line.find("\"level\""), line.size()));
}

TEST_CASE("a text line: time, level, message, fields") {
  CHECK(text_line("session opened", {{"agent", "nas1.home"}, {"peer", "192.0.2.1:443"}, {"count", 3}}) ==
        "warn  session opened agent=nas1.home peer=192.0.2.1:443 count=3\n");
  const std::string line = stderr_of([] { log(Level::error, "x"); });
  CHECK(line.find("T") == 10);
  CHECK(line.find("Z ") == 23);
}

TEST_CASE("a value from outside cannot forge a line or a field") {
  for (const std::string& value : {"a\nERROR forged"s, "a\rb"s, "x reason=completed"s, "\""s, "a=b"s, "\x1b[31m"s,
                                   "\0"s, "\xff"s, ""s, " "s, "\\"s}) {
    const std::string line = text_line("m", {{"name", value}, {"cause", "client_not_tls"}});
    CAPTURE(line);
    CHECK(std::count(line.begin(), line.end(), '\n') == 1);
    CHECK(line.starts_with("warn  m name=\""));
    CHECK(line.ends_with("\" cause=client_not_tls\n"));
    const bool printable = std::all_of(line.begin(), line.end() - 1, [](char c) { return c >= 0x20 && c < 0x7f; });
    CHECK(printable);
  }
}

TEST_CASE("a JSON line holds the same, escaped") {
  CHECK(json_line("m", {{"name", "a\n\"b"}, {"n", -5}}) == R"("level":"warn","msg":"m","name":"a\u000a\"b","n":-5})"
                                                           "\n");
  CHECK(json_line("m", {{"n", ~std::uint64_t{0}}}).find(R"("n":"18446744073709551615")") != std::string::npos);
  CHECK(json_line("m", {{"text", "5"}}).find(R"("text":"5")") != std::string::npos);
}

TEST_CASE("lines below the level are not written") {
  set_log_level(Level::warn);
  CHECK(stderr_of([] { log(Level::info, "quiet"); }).empty());
  CHECK_FALSE(stderr_of([] { log(Level::warn, "loud"); }).empty());
  CHECK_FALSE(log_enabled(Level::info));
  set_log_level(Level::trace);
  CHECK_FALSE(stderr_of([] { log(Level::trace, "all"); }).empty());
  set_log_level(Level::info);
}

std::size_t lines_of(const std::function<void()>& write) {
  const std::string out = stderr_of(write);
  return static_cast<std::size_t>(std::count(out.begin(), out.end(), '\n'));
}

TEST_CASE("a line with a reason is limited by whom it is about; its address, not its port") {
  const auto from = [](const std::string& peer) {
    return lines_of([&] {
      for (int port = 1; port <= 40; ++port) {
        log(Level::warn, "m", {{"peer", peer + ":" + std::to_string(port)}, {"reason", "client_not_tls"}});
      }
    });
  };
  CHECK(from("192.0.2.7") == 10);
  CHECK(from("192.0.2.7") < 3);
  CHECK(from("[2001:db8::1]") == 10);
  CHECK(from("[2001:db8::2]") < 3);  // the same /64
  CHECK(from("[2001:db8:0:1::1]") == 10);
  CHECK(log_counts().lines_left_out >= 30);
}

TEST_CASE("without a reason, below info, and where every line was asked for there is no limit") {
  const auto forty = [](const std::function<void()>& write) {
    return lines_of([&] {
      for (int i = 0; i < 40; ++i) write();
    });
  };
  set_log_level(Level::trace);
  CHECK(forty([] { log(Level::info, "m", {{"agent", "a1"}}); }) == 40);
  CHECK(forty([] { log(Level::debug, "m", {{"agent", "a1"}, {"reason", "name_taken"}}); }) == 40);
  CHECK(forty([] { log_always(Level::warn, "m", {{"agent", "a1"}, {"reason", "name_taken"}}); }) == 40);
  set_log_level(Level::info);
}

TEST_CASE("levels by name") {
  CHECK(parse_level("trace") == Level::trace);
  CHECK(parse_level("error") == Level::error);
  for (const char* text : {"", "warning", "INFO", "info "}) CHECK_FALSE(parse_level(text).has_value());
}

TEST_CASE("lines of a host whose clock cannot be right bear the time that is known") {
  const auto line = [] { return stderr_of([] { log(Level::info, "when"); }); };
  const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  const std::string today = line().substr(0, 10);
  correct_log_times(std::chrono::hours(24 * 366), now + std::chrono::hours(1));
  CHECK(line().substr(0, 10) > today);
  correct_log_times(std::chrono::hours(24 * 366), now - std::chrono::hours(1));  // it was set meanwhile
  CHECK(line().substr(0, 4) == today.substr(0, 4));
  correct_log_times(std::chrono::seconds(0), WallTime{});
}

}  // namespace
}  // namespace fairlead
