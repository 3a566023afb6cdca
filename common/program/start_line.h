#pragma once
// What to type so that a program runs with the configuration that `setup` or `join` has just made. Any thread.
#include <string>
#include <string_view>

#include "common/config/config_path.h"

namespace fairlead::program {

// Whether the file is read where no option names one.
enum class Found : std::uint8_t { alone, by_option };

// `systemctl enable --now PROGRAM` for root where systemd runs, has the program's unit, and the configuration is the
// one that the unit names: /etc/fairlead/FILE. Else PROGRAM run. `host`: the root of the file system, another one in
// tests.
std::string start_line(std::string_view program, const std::string& config, config::User user, Found found,
                       const std::string& host = "");

}  // namespace fairlead::program
