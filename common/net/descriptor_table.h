#pragma once
// The kernel's table of a process's descriptors.
#include <cstddef>

namespace fairlead::net {

// Eight bytes each in the kernel, for as long as the process lives: half a MiB at most.
inline constexpr std::size_t kDescriptorsAtOnce = 65'536;

// Makes room for descriptors below `count` (at most kDescriptorsAtOnce of them) at once. The table begins with 64
// places and doubles when it is full; in a process of several threads whoever opens that descriptor stands still for
// an RCU grace period, 15 ms and more, with all that its loop carries (Linux, fs/file.c: expand_fdtable). Any thread,
// at the start; where it cannot be done, it goes on as it is.
void grow_descriptor_table(std::size_t count);

}  // namespace fairlead::net
