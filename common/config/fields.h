#pragma once
// Fields that both configurations have: addresses, names, paths. Each reads one Text of a Section; a Text that does not
// fit is refused there, with what is allowed, and nullopt comes back.
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/ip.h"
#include "common/base/pattern.h"
#include "common/config/section.h"

namespace fairlead::config {

inline constexpr std::size_t kMaxName = 253;      // RFC 1035 §2.3.4, without the trailing dot
inline constexpr std::size_t kMaxUnixPath = 107;  // sizeof sockaddr_un.sun_path less its NUL
inline constexpr std::string_view kHostPortForm = "HOST:PORT with a port from 1 to 65535, [ADDRESS]:PORT for IPv6";
inline constexpr std::string_view kNameForm = "a DNS name of letters, digits and hyphens";
inline constexpr std::string_view kLabelForm = "one label of lower-case letters, digits and hyphens, at most 63";

enum class PortZero { refused, allowed };

// Labels joined by dots, the last not all digits (that would be an address); lower case, as normalize_name makes it.
bool is_dns_name(std::string_view name);
// What can be looked up: a DNS name, whose labels may hold underscores here, or an IP literal without brackets.
bool is_host(std::string_view host);
// HOST:PORT with a usable host and a port that is not 0.
std::optional<HostPort> parse_host_port(std::string_view text);
// `path` as seen from the folder of `file`; an absolute one stays.
std::string relative_to(const std::string& file, const std::string& path);

std::optional<SocketAddress> read_address(Section& section, const Text& text, PortZero zero);
std::optional<HostPort> read_host_port(Section& section, const Text& text);
std::optional<Cidr> read_cidr(Section& section, const Text& text);
std::optional<std::string> read_dns_name(Section& section, const Text& text);  // normalised
std::optional<std::string> read_label(Section& section, const Text& text);
// "unix:PATH": the path, made relative to the file's folder.
std::optional<std::string> read_unix_path(Section& section, const Text& text);

// Paths of files and folders, made relative to the file's folder.
std::string required_file(Section& section, std::string_view key);
std::string path_or(Section& section, std::string_view key, std::string_view otherwise);
// The path behind "unix:", or the default.
std::string unix_path_or(Section& section, std::string_view key, std::string_view otherwise);

// Reads each string of the list with `read`, e.g. read_cidr; a second one equal to an earlier is refused.
template <class T>
std::vector<T> read_each(Section& section, std::string_view key, std::string_view allowed,
                         std::optional<T> (*read)(Section&, const Text&)) {
  std::vector<T> out;
  for (const Text& text : section.texts(key, allowed)) {
    auto value = read(section, text);
    if (!value) return {};
    for (const T& earlier : out) {
      if (earlier == *value) section.refuse(text, "stands here twice", "each once");
    }
    out.push_back(std::move(*value));
  }
  return out;
}

}  // namespace fairlead::config
