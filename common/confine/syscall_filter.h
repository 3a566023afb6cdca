#pragma once
// A seccomp(2) filter of system calls: what our programs, libuv and glibc (resolver and threads included) call is
// allowed, everything else fails. Linux on the architectures of syscall_filter.cpp; elsewhere, under qemu-user and in
// programs with a sanitizer there is none.
//
// A call that is not allowed fails with EPERM (ENOSYS where it is newer than this list: libraries then use the older
// one) and is noted in the kernel's audit log. Refused: to kill the process. A library that tries a call which we did
// not foresee would turn a working server into one that dies, at a moment that a stranger may choose.
#include <cstdint>
#include <vector>

namespace fairlead::confine {

enum class Programs : std::uint8_t {
  none,        // execve fails, and a new process cannot be made
  may_be_run,  // as whoever this process is, with these filters on it
};

// An instruction of classic BPF, as linux/filter.h has it.
struct BpfInstruction {
  std::uint16_t code;
  std::uint8_t jump_true;
  std::uint8_t jump_false;
  std::uint32_t value;
  bool operator==(const BpfInstruction&) const = default;
};

// Pure. Empty where this architecture is not known.
std::vector<BpfInstruction> build_filter(Programs programs);

// For all threads of this process, for good; needs forbid_new_privileges(). False: the kernel has none.
bool install_filter(Programs programs);

}  // namespace fairlead::confine
