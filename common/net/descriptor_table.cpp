#include "common/net/descriptor_table.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "common/net/fd.h"

namespace fairlead::net {

void grow_descriptor_table(std::size_t count) {
  const std::size_t last = std::min(count, kDescriptorsAtOnce);
  if (last == 0) return;
  const Fd highest(::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, static_cast<int>(last - 1)));
}

}  // namespace fairlead::net
