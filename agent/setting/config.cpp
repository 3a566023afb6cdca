#include "agent/setting/config.h"

#include <fmt/core.h>

#include <set>
#include <utility>

#include "agent/setting/egress_section.h"
#include "agent/setting/service_section.h"
#include "common/base/pattern.h"
#include "common/config/fields.h"
#include "common/config/included.h"
#include "common/config/nearest.h"

namespace fairlead::agent {
namespace {

using config::PortZero;
using config::Range;
using config::Section;
using config::shown;
using config::Text;

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

std::string read_control_path(Section& section) {
  return config::unix_path_or(section, "control", AgentConfig().control_path);
}

void read_agent(Section& section, AgentConfig& out) {
  if (const auto name = section.find_text("name", config::kLabelForm); name && !name->value.empty()) {
    out.name = config::read_label(section, *name).value_or("");
  }
  if (const auto cluster = section.find_text("cluster", config::kLabelForm); cluster && !cluster->value.empty()) {
    out.cluster = config::read_label(section, *cluster).value_or("");
  }
  read_rendezvous(section, out);
  out.state_dir = config::path_or(section, "state_dir", out.state_dir);
  out.control_path = read_control_path(section);
  out.drain_timeout = section.duration("drain_timeout", kDrain, out.drain_timeout);
  out.confine = section.flag("confine", out.confine);
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

void read_identity(Section section, AgentConfig& out) {
  constexpr Section::Choice<Renewal> kRenewals[] = {{"auto", Renewal::automatic}, {"off", Renewal::off}};
  out.identity = config::read_identity(section);
  out.renewal = section.one_of("renew", kRenewals, out.renewal);
  section.done();
}

AgentConfig read_root(Section& root) {
  AgentConfig out;
  Section agent = root.table("agent");
  read_agent(agent, out);
  read_identity(root.table("identity"), out);
  out.nat = read_nat(root.table("nat"));
  out.pool = read_pool(root.table("pool"));
  out.limits = read_limits(root.table("limits"));
  std::set<std::string> taken;
  const auto read_services = [&](Section& file) {
    for (Section& section : file.tables("service")) {
      out.services.push_back(read_service(section));
      refuse_shared_names(section, out.services.back(), taken);
    }
  };
  read_services(root);
  config::read_included(agent, kServiceFiles, read_services);
  agent.done();
  for (Section& section : root.tables("egress")) {
    out.egress.push_back(read_egress(section, out.egress));
    refuse_loop(section, out.egress.back(), out);
  }
  out.proxy = read_proxy(root.table("proxy"), out.egress);
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

Result<std::string> load_control_path(const std::string& path, const config::Environment& environment) {
  const auto value = config::read_toml(path);
  if (!value) return tl::unexpected(value.error());
  config::Report report(config::UnknownKeys::warn, environment);
  Section root(*value, path, "", report);
  Section agent = root.table("agent");
  std::string out = read_control_path(agent);
  if (report.failed()) return tl::unexpected(report.error());
  return out;
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

bool is_caller_pattern(std::string_view text) {
  if (text == "cluster" || text == "mesh") return true;
  return text.starts_with("spiffe://") && pattern_valid(PatternKind::spiffe, text);
}

}  // namespace fairlead::agent
