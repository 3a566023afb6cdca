#pragma once
// What a process gives up for good. Linux; elsewhere these do nothing. A capability belongs to a thread: called before
// other threads start, which inherit what is left.
#include <cstdint>
#include <span>

namespace fairlead::confine {

// By the numbers of capabilities(7), as far as something here keeps one.
enum class Capability : std::uint8_t {
  dac_read_search = 2,  // root reads key files that belong to another user
  kill = 5,             // root ends a helper that has become nobody
  setgid = 6,
  setuid = 7,
  net_bind_service = 10,  // ports below 1024
  net_raw = 13,           // a socket on one interface, before Linux 5.7
  sys_resource = 24,      // pipes beyond the share of one user
};

// Keeps of what this thread has what is named.
void keep_capabilities(std::span<const Capability> kept);
// No program that is executed from here on gets more rights than this process has: no setuid, no file capabilities.
void forbid_new_privileges();
// Neither core dumps, which would hold keys, nor ptrace(2) by others of the same user.
void forbid_dumps();

}  // namespace fairlead::confine
