#include "agent/setting/egress_section.h"

#include <fmt/core.h>

#include <algorithm>

#include "common/config/fields.h"
#include "common/config/nearest.h"

namespace fairlead::agent {
namespace {

using config::Section;
using config::shown;
using config::Text;

constexpr std::string_view kNameForm =
    "SERVICE.CLUSTER, ENDPOINT.SERVICE.CLUSTER, or a service's host with `expect` beside it";
constexpr std::string_view kExpectForm = "a list of SPIFFE id patterns, spiffe://TRUST_DOMAIN/PATH";
constexpr std::string_view kListenForm = "PORT, ADDRESS:PORT, [ADDRESS]:PORT or unix:PATH";

std::optional<std::string> read_expected(Section& section, const Text& text) {
  if (is_expected_pattern(text.value)) return text.value;
  section.refuse(text, fmt::format("\"{}\" is not a pattern of SPIFFE ids", shown(text.written)), kExpectForm);
  return std::nullopt;
}

std::optional<ListenAddress> read_listen(Section& section, const Text& text) {
  if (text.value.starts_with("unix:")) {
    auto path = config::read_unix_path(section, text);
    if (!path) return std::nullopt;
    return UnixPath{std::move(*path)};
  }
  if (const auto address = read_listen_address(text.value)) return *address;
  section.refuse(text, fmt::format("\"{}\" cannot be listened on", shown(text.written)), kListenForm);
  return std::nullopt;
}

// Any number may ask for a free port.
bool is_taken(const ListenAddress& listen, const std::vector<EgressConfig>& earlier) {
  const auto* tcp = std::get_if<SocketAddress>(&listen);
  if (tcp != nullptr && tcp->port == 0) return false;
  return std::ranges::count(earlier, listen, &EgressConfig::listen) > 0;
}

// SERVICE.CLUSTER or ENDPOINT.SERVICE.CLUSTER of ours; `cluster` is not known here where the certificate says it.
bool leads_to(const CalledName& name, const ServiceConfig& service, const std::string& cluster) {
  const std::string_view called = name.sni;
  const auto last = called.rfind('.');
  if (last == std::string_view::npos || (!cluster.empty() && called.substr(last + 1) != cluster)) return false;
  const std::string_view without = called.substr(0, last);
  return without == service.name || without.ends_with("." + service.name);
}

bool is_at(const Target& target, const ListenAddress& listen) {
  if (const auto* path = std::get_if<UnixPath>(&target)) return listen == ListenAddress(*path);
  const auto& tcp = std::get<HostPort>(target);
  const auto* at = std::get_if<SocketAddress>(&listen);
  if (at == nullptr || at->port != tcp.port) return false;
  const auto ip = IpAddress::parse(tcp.host);
  return tcp.host == "localhost" || !ip || *ip == at->ip || at->ip == IpAddress() || at->ip == IpAddress::v6({});
}

}  // namespace

EgressConfig read_egress(Section section, const std::vector<EgressConfig>& earlier) {
  EgressConfig out;
  const auto expect = config::read_each(section, "expect", kExpectForm, &read_expected);
  if (const auto text = section.required_text("name", kNameForm)) {
    auto name = read_called_name(text->value, expect);
    if (name) {
      out.name = std::move(*name);
    } else {
      section.refuse(*text, fmt::format("\"{}\" cannot be called", shown(text->written)), kNameForm);
    }
  }
  if (const auto text = section.required_text("listen", kListenForm)) {
    if (const auto listen = read_listen(section, *text)) {
      out.listen = *listen;
      if (is_taken(*listen, earlier))
        section.refuse(*text, "is where an earlier [[egress]] listens", "another address or port");
    }
  }
  section.not_available("via", "calling through a foreign balancer");
  section.done();
  return out;
}

void refuse_loop(Section& section, const EgressConfig& egress, const AgentConfig& config) {
  for (const ServiceConfig& service : config.services) {
    if (!leads_to(egress.name, service, config.cluster) || !is_at(service.target, egress.listen)) continue;
    section.refuse("listen", fmt::format("is the target of the service {}, to which it leads", service.name),
                   "another port, or the service's own as its target");
  }
}

std::optional<ListenAddress> read_proxy(Section section, const std::vector<EgressConfig>& egress) {
  std::optional<ListenAddress> out;
  if (const auto text = section.find_text("listen", kListenForm); text && !text->value.empty()) {
    out = read_listen(section, *text);
    if (out && is_taken(*out, egress))
      section.refuse(*text, "is where an [[egress]] listens", "another address or port");
  }
  section.done();
  return out;
}

}  // namespace fairlead::agent
