#include "common/base/check.h"

#include <cstdio>
#include <cstdlib>

namespace fairlead {

void check_failed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "fairlead: broken invariant at %s:%d: %s\n", file, line, condition);
  std::abort();
}

}  // namespace fairlead
