#include "agent/setting/config.h"

#include <fmt/core.h>

#include <algorithm>
#include <set>
#include <utility>

#include "common/base/pattern.h"
#include "common/config/fields.h"
#include "common/config/nearest.h"

namespace fairlead::agent {
namespace {

using config::PortZero;
using config::Range;
using config::Section;
using config::shown;
using config::Text;

constexpr std::string_view kTargetForm = "HOST:PORT, [ADDRESS]:PORT or unix:/PATH";
constexpr Range<Duration> kTimeout{10ms, 24h};
constexpr Range<Duration> kLongTimeout{10ms, 24h * 365};
constexpr Range<Duration> kDrain{0ms, 1h};
constexpr std::int64_t kMaxCount = 10'000'000;
constexpr std::size_t kMostMemory = std::size_t{1} << 30;
constexpr std::int64_t kMaxPort = 65535;

void read_rendezvous(Section& section, AgentConfig& out) {
  out.rendezvous = config::read_each(section, "rendezvous", config::kHostPortForm, &config::read_host_port);
  const std::string allowed = fmt::format("1 to {} of HOST:PORT", kMaxRendezvous);
  if (!section.has("rendezvous")) {
    section.refuse("rendezvous", "is missing", allowed);
  } else if (out.rendezvous.empty() || out.rendezvous.size() > kMaxRendezvous) {
    section.refuse("rendezvous", fmt::format("names {} servers", out.rendezvous.size()), allowed);
  }
  out.rendezvous_networks = config::read_each(section, "rendezvous_networks", "a list of CIDRs", &config::read_cidr);
  constexpr std::string_view kIdForm =
      "spiffe://TRUST_DOMAIN/PATH, where a whole segment may be *, {NAME} or a last **";
  const auto id = section.find_text("rendezvous_id", kIdForm);
  if (!id) return;
  if (!id->value.starts_with("spiffe://") || !pattern_valid(PatternKind::spiffe, id->value)) {
    section.refuse(*id, fmt::format("\"{}\" is not a SPIFFE id pattern", shown(id->written)), kIdForm);
  }
  out.rendezvous_id = id->value;
}

void read_agent(Section section, AgentConfig& out) {
  if (const auto name = section.find_text("name", config::kLabelForm); name && !name->value.empty()) {
    out.name = config::read_label(section, *name).value_or("");
  }
  if (const auto cluster = section.find_text("cluster", config::kLabelForm); cluster && !cluster->value.empty()) {
    out.cluster = config::read_label(section, *cluster).value_or("");
  }
  read_rendezvous(section, out);
  out.state_dir = config::path_or(section, "state_dir", out.state_dir);
  out.control_path = config::unix_path_or(section, "control", out.control_path);
  out.drain_timeout = section.duration("drain_timeout", kDrain, out.drain_timeout);
  out.confine = section.flag("confine", out.confine);
  section.done();
}

constexpr Section::Choice<MappingProtocol> kProtocols[] = {
    {"pcp", MappingProtocol::pcp}, {"nat_pmp", MappingProtocol::nat_pmp}, {"upnp", MappingProtocol::upnp}};

std::optional<MappingProtocol> read_protocol(Section& section, const Text& text) {
  for (const auto& [name, protocol] : kProtocols) {
    if (name == text.value) return protocol;
  }
  section.refuse(text, fmt::format("\"{}\" is not known", shown(text.written)), "\"pcp\", \"nat_pmp\", \"upnp\"");
  return std::nullopt;
}

void read_mapping(Section& section, NatConfig& out) {
  constexpr std::string_view kAllowed = "\"auto\", \"off\", or a list of \"pcp\", \"nat_pmp\", \"upnp\"";
  if (section.kind_of("mapping") == config::Kind::array) {
    out.mapping = config::read_each(section, "mapping", kAllowed, &read_protocol);
    return;
  }
  const auto mode = section.find_text("mapping", kAllowed);
  if (!mode || mode->value == "auto") return;
  if (mode->value != "off") section.refuse(*mode, fmt::format("\"{}\" is not known", shown(mode->written)), kAllowed);
  out.mapping.clear();
}

std::optional<SocketAddress> read_listen(Section& section, const Text& text) {
  return config::read_address(section, text, PortZero::allowed);
}

std::optional<std::string> read_interface(Section& section, const Text& text) {
  constexpr std::size_t kLongest = 15;  // IFNAMSIZ less its NUL
  if (!text.value.empty() && text.value.size() <= kLongest && text.value.find('/') == std::string::npos) {
    return text.value;
  }
  section.refuse(text, fmt::format("\"{}\" is not an interface", shown(text.written)), "a name of 1 to 15 bytes");
  return std::nullopt;
}

NatConfig read_nat(Section section) {
  NatConfig out;
  read_mapping(section, out);
  if (section.has("listen")) {
    out.listen = config::read_each(section, "listen", "a list of ADDRESS:PORT", &read_listen);
  }
  out.external_port = static_cast<std::uint16_t>(section.integer("external_port", {0, kMaxPort}, out.external_port));
  out.interfaces = config::read_each(section, "interfaces", "a list of interface names", &read_interface);
  section.done();
  return out;
}

PoolConfig read_pool(Section section) {
  PoolConfig out;
  out.min = static_cast<unsigned>(section.integer("min", {0, kMaxPool}, out.min));
  out.max = static_cast<unsigned>(section.integer("max", {1, kMaxPool}, out.max));
  if (out.min > out.max) {
    section.refuse(section.has("min") ? "min" : "max", fmt::format("min is {} and max {}", out.min, out.max),
                   "min at most max");
  }
  section.done();
  return out;
}

Limits read_limits(Section section) {
  Limits out;
  out.relays_max = static_cast<std::size_t>(
      section.integer("relays_max", {0, kMaxCount}, static_cast<std::int64_t>(out.relays_max)));
  out.connect_timeout = section.duration("connect_timeout", kTimeout, out.connect_timeout);
  out.handshake_timeout = section.duration("handshake_timeout", kTimeout, out.handshake_timeout);
  out.idle_timeout = section.duration("idle_timeout", kLongTimeout, out.idle_timeout);
  out.half_close_timeout = section.duration("half_close_timeout", kTimeout, out.half_close_timeout);
  out.first_flight_timeout = section.duration("first_flight_timeout", kTimeout, out.first_flight_timeout);
  out.memory = section.size("memory", {kLeastMemory, kMostMemory}, out.memory);
  out.ping_interval = section.duration("ping_interval", {100ms, 10min}, out.ping_interval);
  section.done();
  return out;
}

void read_target(Section& section, ServiceConfig& out) {
  const auto text = section.required_text("target", kTargetForm);
  if (!text) return;
  if (text->value.starts_with("unix:")) {
    if (auto path = config::read_unix_path(section, *text)) out.target = UnixPath{std::move(*path)};
    return;
  }
  auto target = parse_target(text->value);
  if (target) {
    out.target = std::move(*target);
  } else {
    section.refuse(*text, fmt::format("\"{}\" is not a target", shown(text->written)), kTargetForm);
  }
}

void read_tls(Section& section, ServiceConfig& out) {
  const auto tls = section.find_text("tls", "\"passthrough\"");
  if (tls && tls->value == "terminate") {
    section.refuse(*tls, "\"terminate\" is not available in this version", "\"passthrough\"");
  }
  constexpr Section::Choice<Tls> kTls[] = {{"passthrough", Tls::passthrough}};
  out.tls = section.one_of("tls", kTls, out.tls);
  const auto mutual = section.find_text("mutual", "\"unchecked\"");
  if (mutual && mutual->value == "require") {
    section.refuse(*mutual, "\"require\" is not available in this version: no target is tried without a certificate",
                   "\"unchecked\"");
  }
  constexpr Section::Choice<Mutual> kMutual[] = {{"unchecked", Mutual::unchecked}};
  out.mutual = section.one_of("mutual", kMutual, out.mutual);
  constexpr Section::Choice<ProxyProtocol> kProxy[] = {
      {"off", ProxyProtocol::off}, {"v1", ProxyProtocol::v1}, {"v2", ProxyProtocol::v2}};
  out.proxy_protocol = section.one_of("proxy_protocol", kProxy, out.proxy_protocol);
}

void read_port(Section& section, ServiceConfig& out) {
  const auto* tcp = std::get_if<HostPort>(&out.target);
  const std::int64_t otherwise = tcp != nullptr ? tcp->port : 0;
  out.port = static_cast<std::uint16_t>(section.integer("port", {1, kMaxPort}, otherwise));
  if (!section.has("port") && tcp == nullptr && !out.host.empty()) {
    section.refuse("port", "is missing: a service with a host needs one, and a unix target has none", "1 to 65535");
  }
}

std::vector<std::string> read_names(Section& section, std::string_view key, std::string_view allowed,
                                    std::optional<std::string> (*read)(Section&, const Text&)) {
  auto names = config::read_each(section, key, allowed, read);
  if (names.size() > kMaxNamesPerService) {
    section.refuse(key, fmt::format("holds {} names", names.size()), fmt::format("at most {}", kMaxNamesPerService));
  }
  return names;
}

ServiceConfig read_service(Section section) {
  ServiceConfig out;
  if (const auto name = section.required_text("name", config::kLabelForm)) {
    out.name = config::read_label(section, *name).value_or("");
  }
  read_target(section, out);
  read_tls(section, out);
  if (const auto host = section.find_text("host", config::kNameForm); host && !host->value.empty()) {
    out.host = config::read_dns_name(section, *host).value_or("");
  }
  read_port(section, out);
  out.sni = read_names(section, "sni", config::kNameForm, &config::read_dns_name);
  out.subsets = read_names(section, "subsets", config::kLabelForm, &config::read_label);
  section.done();
  return out;
}

// No name may lead to two services: which one a client reached would be chance.
void refuse_shared_names(Section& section, const ServiceConfig& service, std::set<std::string>& taken) {
  if (!taken.insert("name " + service.name).second) {
    section.refuse("name", fmt::format("\"{}\" is the name of an earlier [[service]]", service.name), "each once");
  }
  if (!service.host.empty() && !taken.insert(fmt::format("host {}:{}", service.host, service.port)).second) {
    section.refuse("host", fmt::format("{} with port {} belongs to an earlier [[service]]", service.host, service.port),
                   "another host or port");
  }
  for (const std::string& sni : service.sni) {
    if (taken.insert("sni " + sni).second) continue;
    section.refuse("sni", fmt::format("\"{}\" belongs to an earlier [[service]]", sni), "each once");
  }
}

AgentConfig read_root(Section& root) {
  AgentConfig out;
  read_agent(root.table("agent"), out);
  out.identity = config::read_identity(root);
  out.nat = read_nat(root.table("nat"));
  out.pool = read_pool(root.table("pool"));
  out.limits = read_limits(root.table("limits"));
  std::set<std::string> taken;
  for (Section& section : root.tables("service")) {
    out.services.push_back(read_service(section));
    refuse_shared_names(section, out.services.back(), taken);
  }
  root.done();
  return out;
}

Result<Loaded> read_value(const config::Value& value, const std::string& path, config::UnknownKeys unknown,
                          const config::Environment& environment) {
  config::Report report(unknown, environment);
  Section root(value, path, "", report);
  AgentConfig out = read_root(root);
  if (report.failed()) return tl::unexpected(report.error());
  return Loaded{std::move(out), report.warnings()};
}

}  // namespace

std::string to_string(const Target& target) {
  if (const auto* tcp = std::get_if<HostPort>(&target)) return tcp->to_string();
  return "unix:" + std::get<UnixPath>(target).path;
}

Result<Loaded> load_config(const std::string& path, config::UnknownKeys unknown,
                           const config::Environment& environment) {
  const auto value = config::read_toml(path);
  if (!value) return tl::unexpected(value.error());
  return read_value(*value, path, unknown, environment);
}

Result<Loaded> parse_config(std::string_view text, const std::string& path, config::UnknownKeys unknown,
                            const config::Environment& environment) {
  const auto value = config::parse_toml(text, path);
  if (!value) return tl::unexpected(value.error());
  return read_value(*value, path, unknown, environment);
}

Result<void> check_files(const AgentConfig& config, const std::string& path) {
  if (auto checked = config::check_identity_files(config.identity, path); !checked) return checked;
  return config::check_socket_path(config.control_path, "agent.control", path);
}

Result<Target> parse_target(std::string_view text) {
  constexpr std::string_view kUnix = "unix:";
  if (text.starts_with(kUnix)) {
    const std::string path(text.substr(kUnix.size()));
    if (!path.empty() && path.size() <= config::kMaxUnixPath) return UnixPath{path};
  } else if (auto tcp = config::parse_host_port(text)) {
    return std::move(*tcp);
  }
  return fail(Reason::config_invalid, fmt::format("\"{}\" is not a target; allowed: {}", shown(text), kTargetForm));
}

Result<ServiceConfig> parse_exposed(std::string_view argument) {
  constexpr std::string_view kTlsScheme = "tls://";
  const auto refuse = [argument](std::string_view wrong) {
    return fail(Reason::config_invalid, fmt::format("{}: {}", shown(argument), wrong));
  };
  const auto equals = argument.find('=');
  if (equals == std::string_view::npos) return refuse("is not NAME=TARGET, such as web=127.0.0.1:8443");
  ServiceConfig out;
  out.name = argument.substr(0, equals);
  if (!is_label(out.name)) return refuse(fmt::format("NAME is not usable; allowed: {}", config::kLabelForm));
  std::string_view target = argument.substr(equals + 1);
  for (const std::string_view scheme : {"http://", "https://", "tcp://"}) {
    if (!target.starts_with(scheme)) continue;
    return refuse(
        fmt::format("{} needs the agent to end TLS, which is not available in this version; "
                    "allowed: HOST:PORT, tls://HOST:PORT or unix:PATH of a service that speaks TLS itself",
                    scheme));
  }
  if (target.starts_with(kTlsScheme)) {
    target.remove_prefix(kTlsScheme.size());
    if (target.starts_with("unix:")) return refuse("tls:// takes HOST:PORT");
  }
  auto parsed = parse_target(target);
  if (!parsed) return refuse("TARGET is not usable; allowed: HOST:PORT, tls://HOST:PORT or unix:PATH");
  out.target = std::move(*parsed);
  if (const auto* tcp = std::get_if<HostPort>(&out.target)) out.port = tcp->port;
  return out;
}

}  // namespace fairlead::agent
