#include "common/config/fields.h"

#include <fmt/core.h>

#include <algorithm>
#include <filesystem>

#include "common/config/nearest.h"

namespace fairlead::config {
namespace {

constexpr std::string_view kUnixPrefix = "unix:";
constexpr std::string_view kUnixForm = "\"unix:PATH\", the path at most 107 bytes";

std::string quoted(const Text& text) {
  return fmt::format("\"{}\"", shown(text.written));
}

// What is only looked up need not be a host name in the sense of RFC 952: containers and Windows hosts have
// underscores.
bool is_host_label(std::string_view label) {
  std::string plain(label);
  std::replace(plain.begin(), plain.end(), '_', 'x');
  return is_label(plain);
}

// Labels with dots between them, the last not a number.
bool is_name_of(std::string_view name, bool (*is_part)(std::string_view)) {
  if (name.empty() || name.size() > kMaxName) return false;
  std::string_view label;
  while (true) {
    const auto dot = name.find('.');
    label = name.substr(0, dot);
    if (!is_part(label)) return false;
    if (dot == std::string_view::npos) break;
    name.remove_prefix(dot + 1);
  }
  return label.find_first_not_of("0123456789") != std::string_view::npos;
}

}  // namespace

bool is_dns_name(std::string_view name) {
  return is_name_of(name, &is_label);
}

bool is_host(std::string_view host) {
  return IpAddress::parse(host).has_value() || is_name_of(normalize_name(host), &is_host_label);
}

std::optional<HostPort> parse_host_port(std::string_view text) {
  auto parsed = HostPort::parse(text);
  if (!parsed || parsed->port == 0 || !is_host(parsed->host)) return std::nullopt;
  return parsed;
}

std::string relative_to(const std::string& file, const std::string& path) {
  return (std::filesystem::path(file).parent_path() / path).lexically_normal().string();
}

std::optional<SocketAddress> read_address(Section& section, const Text& text, PortZero zero) {
  const auto address = SocketAddress::parse(text.value);
  if (address && (address->port != 0 || zero == PortZero::allowed)) return address;
  section.refuse(text, fmt::format("{} is not an address and port", quoted(text)),
                 fmt::format("ADDRESS:PORT with a port from {} to 65535, [ADDRESS]:PORT for IPv6",
                             zero == PortZero::allowed ? 0 : 1));
  return std::nullopt;
}

std::optional<HostPort> read_host_port(Section& section, const Text& text) {
  auto parsed = parse_host_port(text.value);
  if (!parsed) section.refuse(text, fmt::format("{} is not a host and port", quoted(text)), kHostPortForm);
  return parsed;
}

std::optional<Cidr> read_cidr(Section& section, const Text& text) {
  const auto cidr = Cidr::parse(text.value);
  if (!cidr) section.refuse(text, fmt::format("{} is not an address block", quoted(text)), "ADDRESS or ADDRESS/BITS");
  return cidr;
}

std::optional<std::string> read_dns_name(Section& section, const Text& text) {
  std::string name = normalize_name(text.value);
  if (is_dns_name(name)) return name;
  section.refuse(text, fmt::format("{} is not a name", quoted(text)), kNameForm);
  return std::nullopt;
}

std::optional<std::string> read_label(Section& section, const Text& text) {
  if (is_label(text.value)) return text.value;
  section.refuse(text, fmt::format("{} is not a label", quoted(text)), kLabelForm);
  return std::nullopt;
}

std::optional<std::string> read_unix_path(Section& section, const Text& text) {
  if (!text.value.starts_with(kUnixPrefix) || text.value.size() == kUnixPrefix.size()) {
    section.refuse(text, fmt::format("{} is not a unix socket", quoted(text)), kUnixForm);
    return std::nullopt;
  }
  std::string path = relative_to(section.file(), text.value.substr(kUnixPrefix.size()));
  if (path.size() <= kMaxUnixPath && path.find('\0') == std::string::npos) return path;
  section.refuse(text, fmt::format("the path is {} bytes long", path.size()), kUnixForm);
  return std::nullopt;
}

std::string required_file(Section& section, std::string_view key) {
  const auto text = section.required_text(key, "the path of a file");
  return text ? relative_to(section.file(), text->value) : std::string();
}

std::string path_or(Section& section, std::string_view key, std::string_view otherwise) {
  if (!section.has(key)) return section.text(key, otherwise);
  const auto text = section.required_text(key, "a path");
  return text ? relative_to(section.file(), text->value) : std::string(otherwise);
}

std::string unix_path_or(Section& section, std::string_view key, std::string_view otherwise) {
  const auto text = section.find_text(key, kUnixForm);
  if (!text) return std::string(otherwise);
  return read_unix_path(section, *text).value_or(std::string(otherwise));
}

}  // namespace fairlead::config
