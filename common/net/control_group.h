#pragma once
// Who may ask a program that root runs: root, and the members of the group `fairlead`, where this host has one. Any
// thread.
#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>

namespace fairlead::net {

inline constexpr std::string_view kControlGroup = "fairlead";
inline constexpr const char* kGroupFile = "/etc/group";

// In the text of a group(5) file. Groups of other name services are not seen: a static program has none.
std::optional<gid_t> find_group(std::string_view text, std::string_view name);

// Gives the socket at `path`, which was just made with mode 0600, to the group with mode 0660. Where this process is
// not root's or there is no such group it stays as it is, and also where that fails: whoever asks is told.
void admit_control_group(const std::string& path, const char* group_file = kGroupFile);

}  // namespace fairlead::net
