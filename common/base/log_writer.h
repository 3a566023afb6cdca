#pragma once
// Writes log lines to a descriptor from a thread of its own, behind a queue bounded in bytes: whoever logs never waits
// for a disk, a terminal, or a pipe that nobody reads. A line that finds no room is lost and counted, and the loss is
// told as soon as there is room again. push() from any thread.
//
// Why a thread, in the agent too: only a thread can wait in write(2). poll(2) promises one byte, not a line, and says
// nothing about files; O_NONBLOCK would change the terminal or pipe for everybody who shares it. It costs an idle agent
// two pages of stack and no wake-up.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace fairlead {

class LogWriter {
 public:
  using Milliseconds = std::chrono::milliseconds;
  // The line that tells of so many lost ones, its line feed included.
  using TellLost = std::function<std::string(std::uint64_t lines)>;

  // Holds at most `most` bytes that are not written yet.
  LogWriter(int fd, std::size_t most, TellLost tell_lost);
  // Waits for nobody: what cannot be written now is left to the thread, which ends after it.
  ~LogWriter();
  LogWriter(const LogWriter&) = delete;
  LogWriter& operator=(const LogWriter&) = delete;

  bool started() const;  // false: no thread could be made; push() then writes by itself
  void push(std::string_view line);
  // Whether everything was written within the bound.
  bool flush(Milliseconds bound);
  // The same without a lock, for a program that is about to abort and may hold any.
  void settle(Milliseconds bound) const;
  std::uint64_t lines_lost() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
  bool started_ = false;
};

}  // namespace fairlead
