// What a process gives up, read back from the kernel in a child that gave it up.
#include "common/confine/privileges.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <functional>

#include "tests/support/doctest.h"

namespace fairlead::confine {
namespace {

// Whether `work` says so in a process of its own.
bool in_child(const std::function<bool()>& work) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::alarm(20);
    ::_exit(work() ? 0 : 1);
  }
  int status = 0;
  REQUIRE(::waitpid(pid, &status, 0) == pid);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

struct Held {
  std::uint64_t effective = 0;
  std::uint64_t permitted = 0;
  std::uint64_t inheritable = 0;
};

Held held() {
  __user_cap_header_struct head{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> data{};
  if (::syscall(SYS_capget, &head, data.data()) != 0) return {~0ULL, ~0ULL, ~0ULL};
  const auto whole = [](std::uint32_t low, std::uint32_t high) { return std::uint64_t{high} << 32 | low; };
  return {whole(data[0].effective, data[1].effective), whole(data[0].permitted, data[1].permitted),
          whole(data[0].inheritable, data[1].inheritable)};
}

TEST_CASE("of its capabilities a process keeps what is named, as far as it had it, and hands none on") {
  CHECK(in_child([] {
    const Held before = held();
    constexpr std::array kKept{Capability::net_bind_service, Capability::kill};
    const std::uint64_t mask = 1ULL << 10 | 1ULL << 5;  // capabilities(7)
    keep_capabilities(kKept);
    const Held after = held();
    return after.effective == (before.effective & mask) && after.permitted == (before.permitted & mask) &&
           after.inheritable == 0;
  }));
}

TEST_CASE("nothing named: nothing kept, those above the first 32 neither") {
  CHECK(in_child([] {
    keep_capabilities({});
    const Held after = held();
    return (after.effective | after.permitted | after.inheritable) == 0;
  }));
}

TEST_CASE("what was given up does not come back") {
  CHECK(in_child([] {
    keep_capabilities({});
    constexpr std::array kWanted{Capability::net_raw};
    keep_capabilities(kWanted);
    return held().permitted == 0;
  }));
}

TEST_CASE("no program gets more rights than this process, nor does one that a child runs") {
  CHECK(in_child([] {
    forbid_new_privileges();
    return in_child([] { return ::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1; });
  }));
}

TEST_CASE("no dumps: keys stay in memory, and no core is written") {
  CHECK(in_child([] {
    if (::prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0) return false;  // it would prove nothing
    forbid_dumps();
    rlimit core{};
    if (::getrlimit(RLIMIT_CORE, &core) != 0) return false;
    return ::prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0 && core.rlim_cur == 0 && core.rlim_max == 0;
  }));
}

}  // namespace
}  // namespace fairlead::confine
