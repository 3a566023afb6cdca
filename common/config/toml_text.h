#pragma once
// Values as they are written into a file that Section reads as the same values. Pure; any thread.
#include <string>
#include <string_view>
#include <vector>

namespace fairlead::config {

std::string toml_text(std::string_view text);  // quoted; `${` stays what it is
std::string toml_list(const std::vector<std::string>& texts);

}  // namespace fairlead::config
