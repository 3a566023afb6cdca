#include "common/net/thread.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/confine/sanitizer.h"
#include "tests/support/doctest.h"

namespace fairlead::net {
namespace {

TEST_CASE("a thread runs what it was given") {
  int ran = 0;
  auto thread = start_thread([&ran] { ran = 1; });
  REQUIRE(thread);
  thread->join();
  CHECK(ran == 1);
}

// A sanitizer's own runtime needs address space, and does not end well without any.
#ifndef FAIRLEAD_SANITIZED
// In a child: limits of address space cannot be taken back. 0: refused as an error.
TEST_CASE("a thread that the system refuses is an error") {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::alarm(20);
    const rlimit nothing{64 << 10, 64 << 10};
    if (::setrlimit(RLIMIT_AS, &nothing) != 0) ::_exit(2);
    // The first ones may get stacks that ended threads left.
    for (int i = 0; i < 8; ++i) {
      auto thread = start_thread([] { ::pause(); });
      if (!thread) ::_exit(thread.error().reason == Reason::io_failed ? 0 : 3);
      thread->detach();
    }
    ::_exit(1);
  }
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}
#endif

}  // namespace
}  // namespace fairlead::net
