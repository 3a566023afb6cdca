#pragma once
// The part of `check` that both command lines share: whether the identity that a configuration names can be used now.
#include <string>
#include <string_view>

#include "common/base/time.h"
#include "common/config/identity.h"

namespace fairlead::program {

// Prints what `check` prints: warnings and complaints on stderr, one line on stdout when all is well. The exit code.
int check_identity(std::string_view program, const std::string& config_file, const config::IdentityConfig& identity,
                   WallTime now);

}  // namespace fairlead::program
