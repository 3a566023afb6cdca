#include "common/wire/server_name.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "common/base/pattern.h"

namespace fairlead::wire {
namespace {

constexpr std::string_view kIstioPrefix = "outbound_.";
constexpr std::string_view kIstioSeparator = "_.";

// Takes what stands before the separator out of `rest`; nullopt without a separator.
std::optional<std::string_view> cut(std::string_view& rest, std::string_view separator) {
  const auto at = rest.find(separator);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view before = rest.substr(0, at);
  rest.remove_prefix(at + separator.size());
  return before;
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || text.front() == '0') return std::nullopt;
  return port;
}

// Reads a name without its domain. SERVICE.CLUSTER has two labels, ENDPOINT.SERVICE.CLUSTER three.
std::optional<MeshName> read_labels(std::string_view name) {
  std::vector<std::string_view> labels;
  for (std::string_view rest = name;;) {
    const auto label = cut(rest, ".");
    labels.push_back(label.value_or(rest));
    if (!is_label(labels.back()) || labels.size() > 3) return std::nullopt;
    if (!label) break;
  }
  if (labels.size() == 2) return MeshName{std::string(name), ""};
  if (labels.size() == 3) return MeshName{std::string(name.substr(labels[0].size() + 1)), std::string(labels[0])};
  return std::nullopt;
}

// What is left of `name` before `.domain`; nullopt when it does not end so.
std::optional<std::string_view> without_domain(std::string_view name, std::string_view domain) {
  if (domain.empty() || !name.ends_with(domain)) return std::nullopt;
  name.remove_suffix(domain.size());
  if (!name.ends_with('.')) return std::nullopt;
  name.remove_suffix(1);
  return name;
}

}  // namespace

bool is_istio_name(std::string_view sni) {
  return normalize_name(sni).starts_with(kIstioPrefix);
}

std::optional<IstioName> parse_istio_name(std::string_view sni) {
  // As Istio's ParseSubsetKey does it: three cuts from the left, and the rest is the host. Cutting at dots would break
  // subsets that contain one, cutting from the right hosts with an underscore.
  const std::string name = normalize_name(sni);
  std::string_view rest = name;
  const auto direction = cut(rest, kIstioSeparator);
  const auto port_text = cut(rest, kIstioSeparator);
  const auto subset = cut(rest, kIstioSeparator);
  if (direction != "outbound" || !port_text || port_text->empty() || !subset) return std::nullopt;
  if (rest.empty() || rest.find(kIstioSeparator) != std::string_view::npos) return std::nullopt;
  const auto port = parse_port(*port_text);
  if (!port) return std::nullopt;
  return IstioName{std::string(rest), *port, std::string(*subset)};
}

bool offers_istio_alpn(const std::vector<std::string>& alpn) {
  // Istio's AUTO_PASSTHROUGH gateways match these: whoever offers one speaks Istio's mutual TLS.
  constexpr std::array<std::string_view, 5> kIstioAlpn{"istio", "istio-peer-exchange", "istio-http/1.0",
                                                       "istio-http/1.1", "istio-h2"};
  return std::ranges::any_of(
      alpn, [&](std::string_view protocol) { return std::ranges::find(kIstioAlpn, protocol) != kIstioAlpn.end(); });
}

std::vector<MeshName> parse_mesh_name(std::string_view sni, std::span<const std::string> domains) {
  const std::string name = normalize_name(sni);
  std::vector<MeshName> endpoints;
  std::vector<MeshName> services;
  const auto add = [&](std::string_view labels) {
    auto reading = read_labels(labels);
    if (!reading) return;
    auto& readings = reading->endpoint.empty() ? services : endpoints;
    if (std::ranges::find(readings, *reading) == readings.end()) readings.push_back(std::move(*reading));
  };
  add(name);
  for (const std::string& domain : domains) {
    if (const auto rest = without_domain(name, normalize_name(domain))) add(*rest);
  }
  endpoints.insert(endpoints.end(), services.begin(), services.end());
  return endpoints;
}

}  // namespace fairlead::wire
