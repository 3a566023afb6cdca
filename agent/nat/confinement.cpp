#include "agent/nat/confinement.h"

#include <fmt/format.h>
#include <grp.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#ifdef __linux__
#include <sys/prctl.h>
#include <sys/syscall.h>
#endif

#include "common/confine/privileges.h"
#include "common/confine/sanitizer.h"

namespace fairlead::agent::nat {
namespace {

constexpr rlim_t kDescriptors = 64;  // miniupnpc uses select(), which breaks at 1024
constexpr rlim_t kProcessorSeconds = 10;
constexpr unsigned kLongestLife = 30;  // seconds; every request has less
constexpr uid_t kNobody = 65534;
constexpr int kFirstInherited = 3;
constexpr int kMostInherited = 65536;
#ifndef FAIRLEAD_SANITIZED
constexpr rlim_t kAddressSpace = 64u << 20;  // a sanitizer's shadow alone is terabytes
#endif

void limit(int resource, rlim_t value) {
  const rlimit wanted{.rlim_cur = value, .rlim_max = value};
  ::setrlimit(static_cast<__rlimit_resource_t>(resource), &wanted);  // where it does not work, the others still do
}

void close_inherited() {
#ifdef SYS_close_range
  if (::syscall(SYS_close_range, kFirstInherited, ~0u, 0) == 0) return;
#endif
  for (int fd = kFirstInherited; fd < kMostInherited; ++fd) ::close(fd);
}

Result<void> drop_root() {
  if (::geteuid() != 0) return {};
  const bool dropped = ::setgroups(0, nullptr) == 0 && ::setresgid(kNobody, kNobody, kNobody) == 0 &&
                       ::setresuid(kNobody, kNobody, kNobody) == 0;
  // In a user namespace that knows one user only, "root" is that user and becomes nobody else (user_namespaces(7)):
  // without capabilities it is nobody special.
  const bool alone = !dropped && (errno == EINVAL || errno == EPERM) && ::access("/proc/self/uid_map", R_OK) == 0 &&
                     ::setresuid(kNobody, kNobody, kNobody) != 0 && errno == EINVAL;
  if (dropped || alone) return {};
  return fail(Reason::io_failed, fmt::format("the UPnP helper cannot drop root: {}", std::strerror(errno)));
}

}  // namespace

Result<void> confine_process() {
  close_inherited();
  if (auto dropped = drop_root(); !dropped) return dropped;
  confine::keep_capabilities({});
  confine::forbid_new_privileges();
  confine::forbid_dumps();
#ifdef __linux__
  // After the change of user, which clears it. A parent that died in between is noticed by the end of stdin or stdout.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
#endif
  limit(RLIMIT_NOFILE, kDescriptors);
  limit(RLIMIT_NPROC, 0);
  limit(RLIMIT_FSIZE, 0);
  limit(RLIMIT_CPU, kProcessorSeconds);
  ::alarm(kLongestLife);  // where our parent may not kill us
#ifndef FAIRLEAD_SANITIZED
  limit(RLIMIT_AS, kAddressSpace);
  limit(RLIMIT_DATA, kAddressSpace);
#endif
  return {};
}

}  // namespace fairlead::agent::nat
