#pragma once
// The system calls that are allowed whatever their arguments, the frequent ones first: a kernel before 5.11 goes
// through the list each time. What our programs call, and what libuv, glibc (resolver, threads, static programs) and
// the helper for UPnP may call instead. What only some architectures have, or only newer headers name, stands behind
// #ifdef.
#include <sys/syscall.h>

#include <cstdint>

namespace fairlead::confine {

inline constexpr std::uint32_t kAllowedSyscalls[] = {
    SYS_read,
    SYS_write,
    SYS_readv,
    SYS_writev,
    SYS_pread64,
    SYS_pwrite64,
    SYS_splice,
    SYS_sendto,
    SYS_recvfrom,
    SYS_sendmsg,
    SYS_recvmsg,
    SYS_sendmmsg,
    SYS_recvmmsg,
    SYS_epoll_pwait,
#ifdef SYS_epoll_wait
    SYS_epoll_wait,
#endif
#ifdef SYS_epoll_pwait2
    SYS_epoll_pwait2,
#endif
    SYS_epoll_ctl,
    SYS_accept4,
    SYS_close,
    SYS_shutdown,
    SYS_futex,
    SYS_getsockopt,
    SYS_setsockopt,
    SYS_clock_gettime,
    SYS_bind,
    SYS_listen,
    SYS_connect,
    SYS_getsockname,
    SYS_getpeername,
    SYS_pipe2,
    SYS_eventfd2,
    SYS_epoll_create1,
    SYS_dup3,
    SYS_fcntl,
    SYS_timerfd_create,
    SYS_timerfd_settime,
#ifdef SYS_mmap
    SYS_mmap,
#endif
    SYS_munmap,
    SYS_mprotect,
    SYS_mremap,
    SYS_madvise,
    SYS_brk,
    SYS_membarrier,
    SYS_openat,
#ifdef SYS_openat2
    SYS_openat2,
#endif
    SYS_fstat,
    SYS_statx,
    SYS_faccessat,
#ifdef SYS_faccessat2
    SYS_faccessat2,
#endif
    SYS_readlinkat,
    SYS_getdents64,
    SYS_lseek,
    SYS_ftruncate,
    SYS_fsync,
    SYS_fdatasync,
    SYS_flock,
    SYS_unlinkat,
    SYS_renameat,
    SYS_renameat2,
    SYS_mkdirat,
    SYS_fchmod,
    SYS_umask,
    SYS_inotify_init1,
    SYS_inotify_add_watch,
    SYS_inotify_rm_watch,
    SYS_rt_sigaction,
    SYS_rt_sigprocmask,
    SYS_rt_sigreturn,
    SYS_sigaltstack,
    SYS_restart_syscall,
    SYS_ppoll,
    SYS_pselect6,
    SYS_nanosleep,
    SYS_clock_nanosleep,
    SYS_clock_getres,
    SYS_gettimeofday,
    SYS_setitimer,
    SYS_set_robust_list,
#ifdef SYS_rseq
    SYS_rseq,
#endif
    SYS_set_tid_address,
    SYS_gettid,
    SYS_getpid,
    SYS_getppid,
    SYS_getuid,
    SYS_geteuid,
    SYS_getgid,
    SYS_getegid,
    SYS_tgkill,
    SYS_exit,
    SYS_exit_group,
    SYS_sched_yield,
    SYS_sched_getaffinity,
    SYS_getcpu,
    SYS_getpriority,
    SYS_setpriority,
    SYS_getrusage,
    SYS_prlimit64,
#ifdef SYS_getrlimit
    SYS_getrlimit,
#endif
    SYS_setrlimit,
    SYS_getrandom,
    SYS_uname,
    SYS_sysinfo,
    SYS_prctl,
    SYS_capget,
    SYS_capset,
    SYS_seccomp,
#ifdef SYS_close_range
    SYS_close_range,
#endif
#ifdef SYS_stat
    SYS_stat,
#endif
#ifdef SYS_lstat
    SYS_lstat,
#endif
#ifdef SYS_accept
    SYS_accept,
#endif
#ifdef SYS_newfstatat
    SYS_newfstatat,
#endif
#ifdef SYS_open
    SYS_open,
#endif
#ifdef SYS_poll
    SYS_poll,
#endif
#ifdef SYS_select
    SYS_select,
#endif
#ifdef SYS_access
    SYS_access,
#endif
#ifdef SYS_pipe
    SYS_pipe,
#endif
#ifdef SYS_dup2
    SYS_dup2,
#endif
#ifdef SYS_eventfd
    SYS_eventfd,
#endif
#ifdef SYS_unlink
    SYS_unlink,
#endif
#ifdef SYS_rename
    SYS_rename,
#endif
#ifdef SYS_mkdir
    SYS_mkdir,
#endif
#ifdef SYS_readlink
    SYS_readlink,
#endif
#ifdef SYS_chmod
    SYS_chmod,
#endif
#ifdef SYS_arch_prctl
    SYS_arch_prctl,
#endif
#ifdef SYS_fstat64
    SYS_fstat64,
#endif
#ifdef SYS_stat64
    SYS_stat64,
#endif
#ifdef SYS_lstat64
    SYS_lstat64,
#endif
#ifdef SYS_fstatat64
    SYS_fstatat64,
#endif
#ifdef SYS__llseek
    SYS__llseek,
#endif
#ifdef SYS_mmap2
    SYS_mmap2,
#endif
#ifdef SYS_fcntl64
    SYS_fcntl64,
#endif
#ifdef SYS_ftruncate64
    SYS_ftruncate64,
#endif
#ifdef SYS_ugetrlimit
    SYS_ugetrlimit,
#endif
#ifdef SYS__newselect
    SYS__newselect,
#endif
#ifdef SYS_waitpid
    SYS_waitpid,
#endif
#ifdef SYS_getuid32
    SYS_getuid32,
#endif
#ifdef SYS_geteuid32
    SYS_geteuid32,
#endif
#ifdef SYS_getgid32
    SYS_getgid32,
#endif
#ifdef SYS_getegid32
    SYS_getegid32,
#endif
#ifdef SYS_send
    SYS_send,
#endif
#ifdef SYS_recv
    SYS_recv,
#endif
#ifdef SYS_sigreturn
    SYS_sigreturn,
#endif
#ifdef SYS_set_thread_area
    SYS_set_thread_area,
#endif
#ifdef SYS_clock_gettime64
    SYS_clock_gettime64,
#endif
#ifdef SYS_clock_nanosleep_time64
    SYS_clock_nanosleep_time64,
#endif
#ifdef SYS_futex_time64
    SYS_futex_time64,
#endif
#ifdef SYS_ppoll_time64
    SYS_ppoll_time64,
#endif
#ifdef SYS_pselect6_time64
    SYS_pselect6_time64,
#endif
#ifdef SYS_recvmmsg_time64
    SYS_recvmmsg_time64,
#endif
#ifdef SYS_timerfd_settime64
    SYS_timerfd_settime64,
#endif
#ifdef SYS_riscv_flush_icache
    SYS_riscv_flush_icache,
#endif
};

// To run another program, and what the helper for UPnP does to itself.
inline constexpr std::uint32_t kProgramSyscalls[] = {
    SYS_execve,      SYS_clone,     SYS_wait4,     SYS_waitid,    SYS_kill,   SYS_setpgid,
    SYS_setsid,      SYS_setresuid, SYS_setresgid, SYS_setgroups, SYS_setuid, SYS_setgid,
#ifdef SYS_fork
    SYS_fork,
#endif
#ifdef SYS_vfork
    SYS_vfork,
#endif
#ifdef SYS_alarm
    SYS_alarm,
#endif
#ifdef SYS_setresuid32
    SYS_setresuid32,
#endif
#ifdef SYS_setresgid32
    SYS_setresgid32,
#endif
#ifdef SYS_setgroups32
    SYS_setgroups32,
#endif
#ifdef SYS_waitpid
    SYS_waitpid,
#endif
};

}  // namespace fairlead::confine
