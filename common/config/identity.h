#pragma once
// [identity] of both programs: which files hold the certificate, its key and the CA bundle.
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/config/section.h"

namespace fairlead::config {

struct IdentityConfig {
  std::string cert;
  std::string key;
  std::string ca;
  bool operator==(const IdentityConfig&) const = default;
};

// Reads the three keys, all required, of the table [identity]; its other keys and its done() are the caller's.
IdentityConfig read_identity(Section& section);
// That the three are files that can be opened; what is inside them is not looked at. `file` is the configuration.
Result<void> check_identity_files(const IdentityConfig& identity, const std::string& file);
// That nothing but a socket is where `key` ("server.admin") wants its socket; an empty path is none.
Result<void> check_socket_path(const std::string& path, std::string_view key, const std::string& file);

}  // namespace fairlead::config
