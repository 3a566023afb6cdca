#pragma once
// What both programs do once they have what they need: give up the rest. Before their threads start.
#include <span>
#include <string>

#include "common/confine/privileges.h"
#include "common/confine/syscall_filter.h"

namespace fairlead::confine {

struct ProgramRights {
  std::span<const Capability> capabilities;
  Programs programs = Programs::none;
};

// What of it is in force, for a line of the log: "capabilities, new privileges, dumps, system calls".
std::string confine_program(const ProgramRights& rights);

}  // namespace fairlead::confine
