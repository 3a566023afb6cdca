#include "common/confine/syscall_filter.h"

#include <fcntl.h>
#include <netdb.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <functional>
#include <thread>

#include "common/confine/program.h"
#include "tests/support/doctest.h"

namespace fairlead::confine {
namespace {

constexpr int kNoFilter = 77;

// What `work` returns in a process that is confined; kNoFilter where there is no filter.
int confined(Programs programs, const std::function<int()>& work) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::alarm(20);
    forbid_new_privileges();
    if (!install_filter(programs)) ::_exit(kNoFilter);
    ::_exit(work());
  }
  int status = 0;
  REQUIRE(::waitpid(pid, &status, 0) == pid);
  REQUIRE(WIFEXITED(status));
  return WEXITSTATUS(status);
}

// The errno of a call that fails, 0 of one that works.
int error_of(long result) {
  return result < 0 ? errno : 0;
}

int run_true() {
  const pid_t pid = ::fork();
  if (pid < 0) return errno;
  if (pid == 0) {
    ::execl("/bin/true", "true", nullptr);
    ::_exit(errno);
  }
  int status = 0;
  return ::waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST_CASE("what no program of ours does fails") {
  const std::function<int()> forbidden[] = {
      [] { return error_of(::execl("/bin/true", "true", nullptr)); },
      [] { return error_of(::fork()); },
      [] { return error_of(::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr)); },
      [] { return error_of(::socket(AF_PACKET, SOCK_RAW, 0)); },
      [] { return error_of(::socket(40 /* AF_VSOCK */, SOCK_STREAM, 0)); },
      [] { return error_of(::syscall(SYS_mount, "none", "/", "tmpfs", 0, nullptr)); },
      [] { return error_of(::syscall(SYS_unshare, 0x40000000 /* CLONE_NEWNET */)); },
      [] { return error_of(::syscall(SYS_keyctl, 0, 0, 0, 0, 0)); },
      [] { return error_of(::syscall(SYS_process_vm_readv, ::getpid(), nullptr, 0, nullptr, 0, 0)); },
      [] { return error_of(::syscall(SYS_kill, ::getppid(), 0)); },
      [] { return error_of(::ioctl(STDIN_FILENO, 0x5412 /* TIOCSTI */, "x")); },
  };
  int number = 0;
  for (const auto& call : forbidden) {
    CAPTURE(++number);
    const int result = confined(Programs::none, call);
    if (result == kNoFilter) return;  // a kernel without, a sanitizer
    CHECK(result == EPERM);
  }
}

TEST_CASE("a call that is newer than the list is unknown, not forbidden: libraries then use an older one") {
  const int result = confined(Programs::none, [] { return error_of(::syscall(1000)); });
  CHECK((result == ENOSYS || result == kNoFilter));
}

TEST_CASE("threads, names, files, memory, descriptors and watches work") {
  const int result = confined(Programs::none, [] {
    int seen = 0;
    std::thread([&seen] { seen = 1; }).join();
    if (seen != 1) return 1;
    addrinfo* found = nullptr;
    if (::getaddrinfo("localhost", "443", nullptr, &found) != 0) return 2;
    ::freeaddrinfo(found);
    if (::inotify_init1(IN_CLOEXEC) < 0) return 3;
    if (::socket(AF_INET6, SOCK_STREAM, 0) < 0 && errno != EAFNOSUPPORT) return 4;
    if (::socket(AF_NETLINK, SOCK_RAW, 0) < 0) return 5;
    const int file = ::open("/tmp", O_TMPFILE | O_RDWR, 0600);
    if (file < 0 || ::ftruncate(file, 4096) != 0 || ::fsync(file) != 0) return 6;
    if (::mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE, file, 0) == MAP_FAILED) return 7;
    int ends[2];
    if (::pipe2(ends, O_NONBLOCK) != 0 || ::fcntl(ends[0], F_SETPIPE_SZ, 65536) < 0) return 8;
    if (std::signal(SIGUSR1, [](int) {}) == SIG_ERR || ::raise(SIGUSR1) != 0) return 9;
    return 0;
  });
  CHECK((result == 0 || result == kNoFilter));
}

TEST_CASE("an abort is an abort") {
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::alarm(20);
    forbid_new_privileges();
    forbid_dumps();
    install_filter(Programs::none);
    std::signal(SIGABRT, SIG_DFL);  // not the test runner's
    std::abort();
  }
  int status = 0;
  REQUIRE(::waitpid(pid, &status, 0) == pid);
  CHECK(WIFSIGNALED(status));
  CHECK(WTERMSIG(status) == SIGABRT);
}

TEST_CASE("where a program may be run, it is, and is confined as well") {
  int result = confined(Programs::may_be_run, run_true);
  CHECK((result == 0 || result == kNoFilter));
  result = confined(Programs::may_be_run, [] {
    const pid_t pid = ::fork();
    if (pid == 0) ::_exit(error_of(::socket(AF_PACKET, SOCK_RAW, 0)));
    int status = 0;
    return ::waitpid(pid, &status, 0) == pid ? WEXITSTATUS(status) : -1;
  });
  CHECK((result == EPERM || result == kNoFilter));
}

TEST_CASE("the filter is one list of whole decisions") {
  const auto code = build_filter(Programs::none);
  if (code.empty()) return;
  CHECK(code.size() < 4096);  // BPF_MAXINSNS
  CHECK(code.back().code == 0x06);
  for (std::size_t i = 0; i < code.size(); ++i) {
    CHECK(i + code[i].jump_true + 1 <= code.size());
    CHECK(i + code[i].jump_false + 1 <= code.size());
  }
  CHECK_FALSE(code == build_filter(Programs::may_be_run));
}

}  // namespace
}  // namespace fairlead::confine
