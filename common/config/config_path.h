#pragma once
// Which file a command of either program reads when no option says: FAIRLEAD_CONFIG, else /etc/fairlead/FILE for root,
// else $XDG_CONFIG_HOME/fairlead/FILE, which is ~/.config/fairlead/FILE where that is not set. Pure but for
// user_of_process and the last three.
#include <string>
#include <string_view>

#include "common/config/section.h"

namespace fairlead::config {

inline constexpr std::string_view kConfigHelp =
    "The configuration file; default: $FAIRLEAD_CONFIG, else the one in /etc/fairlead (root) or ~/.config/fairlead";

enum class User : std::uint8_t { root, ordinary };
User user_of_process();

struct ConfigPath {
  // A usual file need not be there: `status` then asks the usual socket. One that somebody named must be.
  enum class Origin : std::uint8_t { named, usual };
  std::string file;
  Origin origin = Origin::usual;
  bool operator==(const ConfigPath&) const = default;
};

// `file_name`: "agent.toml". The folder of a user without a home is /etc/fairlead, as root's is.
ConfigPath default_config_path(std::string_view file_name, User user, const Environment& environment);

// What --config or, when that is empty, --dir named; empty when neither did.
std::string named_config(const std::string& file, const std::string& dir, std::string_view file_name);

// `named`, unless it is empty: then the default for this process.
ConfigPath find_config(const std::string& named, std::string_view file_name);

// A usual file that is not there.
bool is_absent(const ConfigPath& path);

// The same file, for a program that was started in another folder; without ".." and "//".
std::string absolute_path(const std::string& path);

}  // namespace fairlead::config
