#include "common/confine/privileges.h"

#include <sys/resource.h>

#ifdef __linux__
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace fairlead::confine {

#ifdef __linux__

void keep_capabilities(std::span<const Capability> kept) {
  __user_cap_header_struct head{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3]{};
  if (::syscall(SYS_capget, &head, data) != 0) return;
  std::uint32_t mask = 0;  // all that are named here are below 32
  for (const Capability each : kept) mask |= 1u << static_cast<unsigned>(each);
  for (auto& word : data) {
    word.effective &= mask;
    word.permitted &= mask;
    word.inheritable = 0;
    mask = 0;
  }
  ::syscall(SYS_capset, &head, data);
}

void forbid_new_privileges() {
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

#else

void keep_capabilities(std::span<const Capability> /*kept*/) {}
void forbid_new_privileges() {}

#endif

void forbid_dumps() {
#ifdef __linux__
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
  const rlimit none{.rlim_cur = 0, .rlim_max = 0};
  ::setrlimit(RLIMIT_CORE, &none);
}

}  // namespace fairlead::confine
