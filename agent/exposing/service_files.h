#pragma once
// services.d beside agent.toml, where `expose` keeps each service in a file of its own: NAME.toml. Changes are durable
// one by one, and can be taken back together. Blocking; one thread.
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "agent/setting/config.h"
#include "common/base/bytes.h"

namespace fairlead::agent {

// Where a service of some name stands.
struct ServicePlace {
  enum class Kind : std::uint8_t {
    nowhere,
    own,         // alone in its file of services.d
    own_shared,  // there, beside others that somebody wrote into it
    elsewhere,
  };
  Kind kind = Kind::nowhere;
  std::string file;  // empty: nowhere
};

class ServiceFiles {
 public:
  explicit ServiceFiles(std::filesystem::path config) : config_(std::move(config)) {}

  const std::filesystem::path& config() const { return config_; }
  std::filesystem::path of(const std::string& name) const;
  bool is_there(const std::string& name) const;
  // Among what `config` names, which was read from config().
  ServicePlace find(const AgentConfig& config, const std::string& name) const;

  // io_failed; nothing has changed then.
  Result<void> write(const ServiceConfig& service);
  Result<void> remove(const std::string& name);
  // Everything that was written and removed here is as it was. The first file where that failed is named.
  Result<void> undo();

 private:
  struct Change {
    std::filesystem::path file;
    std::optional<Bytes> before;  // nullopt: it was not there
  };
  Result<void> remember(const std::filesystem::path& file);

  std::filesystem::path config_;
  std::vector<Change> changes_;
};

}  // namespace fairlead::agent
