#include "common/config/usage.h"

#include <doctest/doctest.h>

using namespace fairlead;
using namespace fairlead::config;

namespace {
constexpr std::string_view kCommands[] = {"run", "check"};
constexpr std::string_view kLater[] = {"probe"};
}  // namespace

TEST_CASE("words for the log") {
  CHECK(read_log_words({}) == LogOptions{Level::info, LogFormat::text});
  CHECK(read_log_words({"debug", "json"}) == LogOptions{Level::debug, LogFormat::json});
  CHECK(read_log_words({"error", "text"}) == LogOptions{Level::error, LogFormat::text});
  for (const LogWords& bad : {LogWords{"loud", ""}, LogWords{"", "xml"}, LogWords{"INFO", ""}, LogWords{"", "JSON"}}) {
    const auto read = read_log_words(bad);
    REQUIRE_FALSE(read);
    CHECK(read.error().detail.find("allowed: ") != std::string::npos);
  }
  CHECK(read_log_words({"loud", ""}).error().detail == "--log-level loud: allowed: trace, debug, info, warn, error");
}

TEST_CASE("complaints are one line on stderr") {
  const Answer answer = unusable("prog", "two\nlines");
  CHECK(answer.exit_code == kExitUnusable);
  CHECK(answer.out.empty());
  CHECK(answer.err == "prog: two?lines; see --help\n");
}

TEST_CASE("a missing or unknown command names what there is") {
  CHECK(no_command("prog", {}, kCommands, kLater).err ==
        "prog: a command is missing; allowed: run, check; see --help\n");
  CHECK(no_command("prog", {"chek"}, kCommands, kLater).err ==
        "prog: chek is not a command, the nearest is \"check\"; allowed: run, check; see --help\n");
  CHECK(no_command("prog", {"probe"}, kCommands, kLater).err ==
        "prog: probe is not available in this version; allowed: run, check; see --help\n");
  CHECK(no_command("prog", {"--nope"}, kCommands, kLater).err == "prog: --nope is not an option; see --help\n");
}

TEST_CASE("a socket is a path with or without unix:") {
  CHECK(socket_path("/run/x.sock") == "/run/x.sock");
  CHECK(socket_path("unix:/run/x.sock") == "/run/x.sock");
  CHECK(socket_path("").empty());
}
