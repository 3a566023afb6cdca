#include "common/base/log_writer.h"

#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#ifdef __linux__
#include <linux/capability.h>
#include <sys/syscall.h>
#endif

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <mutex>
#include <thread>
#include <utility>

namespace fairlead {
namespace {

constexpr std::size_t kStack = 128 * 1024;  // address space; what is not touched costs nothing
constexpr std::size_t kAtOnce = 4096;       // PIPE_BUF: lines of several programs in one pipe do not mix

std::uint64_t count_lines(std::string_view text) {
  return static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '\n'));
}

// Whole lines of at most kAtOnce bytes, or the one longer line.
std::string_view next_chunk(std::string_view rest) {
  if (rest.size() <= kAtOnce) return rest;
  const auto last = rest.rfind('\n', kAtOnce - 1);
  return rest.substr(0, last != std::string_view::npos ? last + 1 : rest.find('\n') + 1);
}

// The thread is older than what takes the program's rights away, and a right belongs to a thread: it needs none.
void drop_capabilities() {
#ifdef __linux__
  __user_cap_header_struct head{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3]{};
  ::syscall(SYS_capset, &head, none);
#endif
}

// A terminal or pipe that somebody made non-blocking is waited for.
bool may_go_on(int fd) {
  if (errno == EINTR) return true;
  if (errno != EAGAIN) return false;
  pollfd polled{.fd = fd, .events = POLLOUT, .revents = 0};
  return ::poll(&polled, 1, -1) >= 0 || errno == EINTR;
}

}  // namespace

// Shared with the thread, which may be inside write(2) when its writer is gone.
struct LogWriter::State {
  State(int to, std::size_t limit, TellLost tell) : fd(to), most(limit), tell_lost(std::move(tell)) {}

  void run();
  void write_out(std::string_view batch);
  void lose(std::uint64_t lines) {
    lost += lines;
    lost_untold += lines;
  }

  const int fd;
  const std::size_t most;
  const TellLost tell_lost;
  std::mutex mutex;
  std::condition_variable changed;
  std::string pending;
  bool ending = false;
  std::atomic<std::uint64_t> lost_untold{0};
  std::atomic<std::size_t> unwritten{0};  // of pending and of what run() has in its hands
  std::atomic<std::uint64_t> lost{0};
};

void LogWriter::State::run() {
  std::unique_lock lock(mutex);
  while (true) {
    changed.wait(lock, [this] { return ending || !pending.empty(); });
    if (pending.empty()) return;
    std::string batch = std::exchange(pending, {});
    if (const std::uint64_t lines = lost_untold.exchange(0); lines > 0) {
      const std::string told = tell_lost(lines);
      unwritten += told.size();
      batch += told;
    }
    lock.unlock();
    write_out(batch);
    lock.lock();
    changed.notify_all();
  }
}

void LogWriter::State::write_out(std::string_view batch) {
  while (!batch.empty()) {
    const std::string_view chunk = next_chunk(batch);
    const ssize_t written = ::write(fd, chunk.data(), chunk.size());
    if (written < 0 && may_go_on(fd)) continue;
    const std::size_t done = written < 0 ? batch.size() : static_cast<std::size_t>(written);
    if (written < 0) lose(count_lines(batch));  // a full disk, a reader that is gone
    batch.remove_prefix(done);
    unwritten -= done;
  }
}

LogWriter::LogWriter(int fd, std::size_t most, TellLost tell_lost)
    : state_(std::make_shared<State>(fd, most, std::move(tell_lost))) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize(&attributes, kStack);
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);  // inherited: signals are other threads' business
  auto shared = std::make_unique<std::shared_ptr<State>>(state_);
  const auto body = [](void* argument) -> void* {
    const std::unique_ptr<std::shared_ptr<State>> owned(static_cast<std::shared_ptr<State>*>(argument));
    drop_capabilities();
    (*owned)->run();
    return nullptr;
  };
  pthread_t thread{};
  started_ = pthread_create(&thread, &attributes, body, shared.get()) == 0;
  if (started_) static_cast<void>(shared.release());
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_attr_destroy(&attributes);
}

LogWriter::~LogWriter() {
  const std::lock_guard lock(state_->mutex);
  state_->ending = true;
  state_->changed.notify_all();
}

bool LogWriter::started() const {
  return started_;
}

void LogWriter::push(std::string_view line) {
  const std::lock_guard lock(state_->mutex);
  if (!started_) {
    state_->unwritten += line.size();
    return state_->write_out(line);
  }
  if (state_->unwritten + line.size() > state_->most) {
    return state_->lose(1);
  }
  state_->pending += line;
  state_->unwritten += line.size();
  state_->changed.notify_all();
}

bool LogWriter::flush(Milliseconds bound) {
  std::unique_lock lock(state_->mutex);
  return state_->changed.wait_for(lock, bound, [this] { return state_->unwritten == 0; });
}

void LogWriter::settle(Milliseconds bound) const {
  for (Milliseconds waited{0}; waited < bound && state_->unwritten > 0; ++waited) {
    std::this_thread::sleep_for(Milliseconds(1));
  }
}

std::uint64_t LogWriter::lines_lost() const {
  return state_->lost;
}

}  // namespace fairlead
