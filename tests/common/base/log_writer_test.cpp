#include "common/base/log_writer.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <thread>
#include <vector>

#include "tests/support/doctest.h"

namespace fairlead {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::milliseconds kSoon = 10s;  // a bound for a condition, not a time to wait

std::string tell_lost(std::uint64_t lines) {
  return "lost " + std::to_string(lines) + "\n";
}

struct Pipe {
  Pipe() { REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0); }
  ~Pipe() {
    for (const int fd : ends) ::close(fd);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  // Until the text ends so, as it does when the writer has nothing more to say.
  std::string read_until(std::string_view end) const {
    std::string out;
    std::array<char, 4096> chunk{};
    while (!out.ends_with(end)) {
      const ssize_t got = ::read(ends[0], chunk.data(), chunk.size());
      REQUIRE(got > 0);
      out.append(chunk.data(), static_cast<std::size_t>(got));
    }
    return out;
  }

  std::array<int, 2> ends{};
};

TEST_CASE("lines come out in order, whole") {
  const Pipe pipe;
  LogWriter writer(pipe.ends[1], 1 << 20, tell_lost);
  REQUIRE(writer.started());
  std::string all;
  for (int i = 0; i < 1000; ++i) {
    const std::string line = "line " + std::to_string(i) + "\n";
    all += line;
    writer.push(line);
  }
  CHECK(pipe.read_until("line 999\n") == all);
  CHECK(writer.flush(kSoon));
  CHECK(writer.lines_lost() == 0);
}

TEST_CASE("a line longer than a pipe takes at once comes out whole") {
  const Pipe pipe;
  LogWriter writer(pipe.ends[1], 1 << 20, tell_lost);
  const std::string line = std::string(100'000, 'x') + "\n";
  writer.push("a\n");
  writer.push(line);
  writer.push("b\n");
  CHECK(pipe.read_until("b\n") == "a\n" + line + "b\n");
}

TEST_CASE("nobody reads: whoever logs goes on, and the loss is counted and told") {
  const Pipe pipe;
  LogWriter writer(pipe.ends[1], 256 * 1024, tell_lost);
  const std::string line = std::string(999, 'x') + "\n";
  constexpr int kLines = 2000;  // 2 MB: far beyond pipe and queue
  for (int i = 0; i < kLines; ++i) writer.push(line);
  CHECK_FALSE(writer.flush(1ms));
  const std::uint64_t lost = writer.lines_lost();
  CHECK(lost > 1000);
  const std::string out = pipe.read_until(tell_lost(lost));
  CHECK(out.size() == (kLines - lost) * line.size() + tell_lost(lost).size());
  CHECK(writer.flush(kSoon));
  writer.push("again\n");
  CHECK(pipe.read_until("again\n") == "again\n");
}

TEST_CASE("a writer that cannot write is given up at once") {
  Pipe pipe;
  {
    LogWriter writer(pipe.ends[1], 1 << 20, tell_lost);
    for (int i = 0; i < 200; ++i) writer.push(std::string(999, 'x') + "\n");
  }
  std::array<char, 1000> chunk{};  // it still writes what it had
  for (int i = 0; i < 200; ++i) {
    for (ssize_t left = 1000; left > 0;) {
      const ssize_t got = ::read(pipe.ends[0], chunk.data(), static_cast<std::size_t>(left));
      REQUIRE(got > 0);
      left -= got;
    }
  }
}

TEST_CASE("a descriptor that takes nothing loses lines, and does not spin or block") {
  const int full = ::open("/dev/full", O_WRONLY | O_CLOEXEC);
  REQUIRE(full >= 0);
  LogWriter writer(full, 1 << 20, tell_lost);
  writer.push("a\nb\n");
  CHECK(writer.flush(kSoon));
  CHECK(writer.lines_lost() == 2);
  ::close(full);
}

TEST_CASE("a descriptor that somebody made non-blocking loses nothing") {
  const Pipe pipe;
  REQUIRE(::fcntl(pipe.ends[1], F_SETFL, O_NONBLOCK) == 0);
  LogWriter writer(pipe.ends[1], 1 << 20, tell_lost);
  for (int i = 0; i < 500; ++i) writer.push(std::string(999, 'x') + "\n");
  writer.push("end\n");
  CHECK(pipe.read_until("end\n").size() == 500 * 1000 + 4);
}

TEST_CASE("many threads: no line is cut") {
  const Pipe pipe;
  LogWriter writer(pipe.ends[1], 1 << 20, tell_lost);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&writer, t] {
      for (int i = 0; i < 100; ++i) writer.push(std::string(99, static_cast<char>('a' + t)) + "\n");
    });
  }
  for (std::thread& each : threads) each.join();
  writer.push("end\n");
  const std::string out = pipe.read_until("end\n");
  REQUIRE(out.size() == 400 * 100 + 4);
  for (std::size_t line = 0; line < 400; ++line) {
    CHECK(out.substr(line * 100, 99) == std::string(99, out[line * 100]));
  }
}

}  // namespace
}  // namespace fairlead
