#include "common/confine/program.h"

#include "common/confine/sanitizer.h"

namespace fairlead::confine {

std::string confine_program(const ProgramRights& rights) {
  keep_capabilities(rights.capabilities);
  forbid_new_privileges();
#ifndef FAIRLEAD_SANITIZED
  forbid_dumps();
#endif
  std::string out = "capabilities, new privileges, dumps";
  return install_filter(rights.programs) ? out + ", system calls" : out;
}

}  // namespace fairlead::confine
