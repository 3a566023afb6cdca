#include "common/confine/syscall_filter.h"

#include <cerrno>
#include <span>

#include "common/confine/sanitizer.h"

#if defined(__linux__) && !defined(FAIRLEAD_SANITIZED)
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bit>
#include <cstddef>
#include <utility>

#include "common/confine/allowed_syscalls.h"

#if defined(__x86_64__) && !defined(__ILP32__)
#define FAIRLEAD_AUDIT_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define FAIRLEAD_AUDIT_ARCH AUDIT_ARCH_AARCH64
#elif defined(__arm__) && defined(__ARM_EABI__)
#define FAIRLEAD_AUDIT_ARCH AUDIT_ARCH_ARM
#elif defined(__i386__)
#define FAIRLEAD_AUDIT_ARCH AUDIT_ARCH_I386
#elif defined(__riscv) && __riscv_xlen == 64
#define FAIRLEAD_AUDIT_ARCH AUDIT_ARCH_RISCV64
#endif
#endif

namespace fairlead::confine {

#ifdef FAIRLEAD_AUDIT_ARCH

namespace {

constexpr std::uint16_t kLoad = BPF_LD | BPF_W | BPF_ABS;
constexpr std::uint16_t kIfEqual = BPF_JMP | BPF_JEQ | BPF_K;
constexpr std::uint16_t kIfAbove = BPF_JMP | BPF_JGT | BPF_K;
constexpr std::uint16_t kIfBits = BPF_JMP | BPF_JSET | BPF_K;
constexpr std::uint16_t kReturn = BPF_RET | BPF_K;
constexpr std::uint32_t kRefuse = SECCOMP_RET_ERRNO | EPERM;
constexpr std::uint32_t kUnknown = SECCOMP_RET_ERRNO | ENOSYS;
constexpr std::uint32_t kNewest = 462;  // the last number of Linux 6.10, on all architectures since 5.1

// The low half of an argument: families, flags and requests are no longer.
constexpr std::uint32_t low_half(std::size_t argument) {
  const std::size_t at = offsetof(seccomp_data, args) + argument * sizeof(std::uint64_t);
  return static_cast<std::uint32_t>(at + (std::endian::native == std::endian::big ? sizeof(std::uint32_t) : 0));
}

class Filter {
 public:
  void load(std::uint32_t offset) { add(kLoad, 0, 0, offset); }
  void answer(std::uint32_t action) { add(kReturn, 0, 0, action); }
  void if_equal(std::uint32_t value, std::uint32_t action) {
    add(kIfEqual, 0, 1, value);
    answer(action);
  }
  void unless_equal(std::uint32_t value, std::uint32_t action) {
    add(kIfEqual, 1, 0, value);
    answer(action);
  }
  void if_above(std::uint32_t value, std::uint32_t action) {
    add(kIfAbove, 0, 1, value);
    answer(action);
  }
  void if_bits(std::uint32_t bits, std::uint32_t action) {
    add(kIfBits, 0, 1, bits);
    answer(action);
  }
  // For one call: allowed when its argument has one of these values, or has none of them.
  void only(std::uint32_t call, std::size_t argument, std::span<const std::uint32_t> values) {
    by_value(call, argument, values, SECCOMP_RET_ALLOW, kRefuse);
  }
  void all_but(std::uint32_t call, std::size_t argument, std::span<const std::uint32_t> values) {
    by_value(call, argument, values, kRefuse, SECCOMP_RET_ALLOW);
  }
  // For one call: allowed when the argument has the bit.
  void with_bit(std::uint32_t call, std::size_t argument, std::uint32_t bit) {
    add(kIfEqual, 0, 4, call);
    load(low_half(argument));
    if_bits(bit, SECCOMP_RET_ALLOW);
    answer(kRefuse);
  }
  std::vector<BpfInstruction> take() { return std::move(code_); }

 private:
  void by_value(std::uint32_t call, std::size_t argument, std::span<const std::uint32_t> values, std::uint32_t listed,
                std::uint32_t otherwise) {
    add(kIfEqual, 0, static_cast<std::uint8_t>(2 + 2 * values.size()), call);
    load(low_half(argument));
    for (const std::uint32_t value : values) if_equal(value, listed);
    answer(otherwise);
  }
  void add(std::uint16_t code, std::uint8_t jump_true, std::uint8_t jump_false, std::uint32_t value) {
    code_.push_back({code, jump_true, jump_false, value});
  }

  std::vector<BpfInstruction> code_;
};

}  // namespace

std::vector<BpfInstruction> build_filter(Programs programs) {
  static constexpr std::uint32_t kFamilies[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK};
  static constexpr std::uint32_t kIntoTerminals[] = {0x5412 /* TIOCSTI */, 0x541c /* TIOCLINUX */};
  Filter filter;
  filter.load(offsetof(seccomp_data, arch));
  filter.unless_equal(FAIRLEAD_AUDIT_ARCH, kRefuse);  // another ABI of this machine has other numbers
  filter.load(offsetof(seccomp_data, nr));
  for (const std::uint32_t call : kAllowedSyscalls) filter.if_equal(call, SECCOMP_RET_ALLOW);
  filter.only(SYS_socket, 0, kFamilies);
  filter.only(SYS_socketpair, 0, std::span(kFamilies).first(1));
  filter.all_but(SYS_ioctl, 1, kIntoTerminals);
#ifdef SYS_clone3
  filter.if_equal(SYS_clone3, kUnknown);  // its flags cannot be looked at: clone(2) is used instead
#endif
  if (programs == Programs::may_be_run) {
    for (const std::uint32_t call : kProgramSyscalls) filter.if_equal(call, SECCOMP_RET_ALLOW);
  } else {
    filter.with_bit(SYS_clone, 0, CLONE_THREAD);
  }
  filter.if_above(kNewest, kUnknown);
  filter.answer(kRefuse);
  return filter.take();
}

bool install_filter(Programs programs) {
  std::vector<BpfInstruction> code = build_filter(programs);
  static_assert(sizeof(BpfInstruction) == sizeof(sock_filter));
  sock_fprog program{.len = static_cast<unsigned short>(code.size()),
                     .filter = reinterpret_cast<sock_filter*>(code.data())};
  constexpr unsigned long kAllThreads = SECCOMP_FILTER_FLAG_TSYNC;
  for (const unsigned long flags : {kAllThreads | SECCOMP_FILTER_FLAG_LOG, kAllThreads}) {
    if (::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program) == 0) return true;
  }
  return false;
}

#else

std::vector<BpfInstruction> build_filter(Programs /*programs*/) {
  return {};
}

bool install_filter(Programs /*programs*/) {
  return false;
}

#endif

}  // namespace fairlead::confine
