#include "common/program/check.h"

#include <fmt/format.h>

#include <cstdio>

#include "common/config/command_line.h"
#include "common/tls/credentials.h"
#include "common/tls/time_text.h"

namespace fairlead::program {

int check_identity(std::string_view program, const std::string& config_file, const config::IdentityConfig& identity,
                   WallTime now) {
  const tls::IdentityFiles files{identity.cert, identity.key, identity.ca};
  const auto credentials = tls::Credentials::load(files);
  if (!credentials) return config::complain(program, credentials.error());
  for (const std::string& warning : (*credentials)->warnings()) fmt::print(stderr, "warning: {}\n", warning);
  if (const auto usable = (*credentials)->check_times(files, now); !usable) {
    return config::complain(program, usable.error());
  }
  const std::string until = tls::time_text((*credentials)->not_after());
  fmt::print("{}: usable, identity {} until {}\n", config_file, (*credentials)->spiffe_id(), until);
  return config::kExitSuccess;
}

}  // namespace fairlead::program
