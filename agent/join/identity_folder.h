#pragma once
// The folder that `join` fills: agent.key, made here and never sent anywhere, agent.crt, ca.crt, and the configuration,
// which is written last: while it is missing nobody has joined, and `join` goes on with the key that is there.
// Blocking; one thread.
#include <filesystem>
#include <memory>
#include <string>

#include "common/config/config_path.h"
#include "common/tls/credentials.h"
#include "common/wire/join.h"

namespace fairlead::agent {

// Where a running agent keeps its state and its socket.
enum class Places : std::uint8_t {
  system,  // /var/lib and /run
  beside,  // in the folder: it was named with --dir, or the user may not write there
};

class IdentityFolder {
 public:
  IdentityFolder(std::filesystem::path config, Places places) : config_(std::move(config)), places_(places) {}
  // That of --dir, else of the usual configuration.
  static IdentityFolder find(const std::string& dir);

  const std::filesystem::path& config() const { return config_; }
  bool has_identity() const;  // its configuration is there
  // Before a token's use is spent: the folder can be written, and a configuration in it would be one that runs.
  // state_unwritable, config_invalid.
  Result<void> check(const wire::JoinToken& token, const std::string& name) const;
  // PEM, of the key that is there, else of a new one: a device that asks again is known by its key.
  // config_invalid names a file that is no P-256 key; io_failed.
  Result<std::string> take_key() const;
  // Everything, in an order that any end leaves usable. A configuration that was there is kept as FILE.old.
  // join_malformed: what the server said cannot be used; nothing is changed then. io_failed.
  Result<std::shared_ptr<const tls::Credentials>> keep(const wire::Joined& joined) const;

 private:
  std::filesystem::path in(const char* name) const { return config_.parent_path() / name; }
  Result<std::string> config_text(const wire::Joined& joined) const;

  std::filesystem::path config_;
  Places places_;
};

}  // namespace fairlead::agent
