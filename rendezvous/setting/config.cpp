#include "rendezvous/setting/config.h"

#include <fmt/core.h>

#include <algorithm>
#include <set>
#include <utility>

#include "common/base/pattern.h"
#include "common/config/fields.h"
#include "common/config/included.h"
#include "common/config/nearest.h"
#include "rendezvous/ca/leaf_days.h"

namespace fairlead::rendezvous {
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
constexpr std::int64_t kMaxWorkers = 1024;
// The codecs read no longer ClientHello; below the least, ordinary ones would be refused.
constexpr Range<std::size_t> kClassifyBytes{2048, 64 * 1024};
constexpr Range<std::size_t> kWaitingBytes{64 * 1024, std::size_t{1} << 40};
constexpr Range<std::size_t> kRelayMemory{1024 * 1024, std::size_t{1} << 40};

std::optional<SocketAddress> read_listen(Section& section, const Text& text) {
  return config::read_address(section, text, PortZero::refused);
}

std::optional<HostPort> read_public_address(Section& section, const Text& text) {
  auto address = config::read_host_port(section, text);
  if (!address) return std::nullopt;
  const auto ip = IpAddress::parse(address->host);
  if (ip && (*ip == IpAddress::v4({0, 0, 0, 0}) || *ip == IpAddress::v6({}))) {
    section.refuse(text, fmt::format("nobody can connect to {}", address->host),
                   "an address or name clients can reach");
    return std::nullopt;
  }
  return address;
}

// Everything that binds an address, over all files: two of one address would fail at start, or share connections.
class BoundAddresses {
 public:
  void add(Section& section, std::string_view key, const SocketAddress& address) {
    if (bound_.insert(address).second) return;
    section.refuse(key, fmt::format("{} is listened on twice", address.to_string()), "each address once");
  }

 private:
  std::set<SocketAddress> bound_;
};

std::optional<IpAddress> read_ip(Section& section, const Text& text) {
  const auto ip = IpAddress::parse(text.value);
  if (!ip) section.refuse(text, fmt::format("\"{}\" is not an address", shown(text.written)), "an IP address");
  return ip;
}

void read_server(Section& section, RendezvousConfig& out, BoundAddresses& bound) {
  ServerConfig& server = out.server;
  for (const auto& address : config::read_each(section, "listen", "a list of ADDRESS:PORT", &read_listen)) {
    bound.add(section, "listen", address);
    out.listeners.push_back({address, AcceptSet{}, {}});
  }
  server.public_addresses = config::read_each(section, "public_addresses", config::kHostPortForm, &read_public_address);
  server.names = config::read_each(section, "names", config::kNameForm, &config::read_dns_name);
  server.domains = config::read_each(section, "domains", config::kNameForm, &config::read_dns_name);
  if (const auto text = section.find_text("instance_address", "ADDRESS:PORT"); text && !text->value.empty()) {
    server.instance_address = read_listen(section, *text);
  }
  server.workers = static_cast<unsigned>(section.integer("workers", {0, kMaxWorkers}, server.workers));
  server.admin_path = config::unix_path_or(section, "admin", server.admin_path);
  server.drain_delay = section.duration("drain_delay", kDrain, server.drain_delay);
  server.drain_timeout = section.duration("drain_timeout", kDrain, server.drain_timeout);
  server.confine = section.flag("confine", server.confine);
  server.state_dir = config::path_or(section, "state_dir", server.state_dir);
  server.verify_from = config::read_each(section, "verify_from", "a list of this host's addresses", &read_ip);
  constexpr Section::Choice<bool> kScopes[] = {{"global", false}, {"any", true}};
  server.verify_any_address = section.one_of("verify_addresses", kScopes, server.verify_any_address);
}

AcceptSet read_accept(Section& section) {
  constexpr std::string_view kAllowed = "\"tls\", \"ticket\"";
  if (!section.has("accept")) return {};
  AcceptSet out{false, false};
  for (const Text& text : section.texts("accept", kAllowed)) {
    if (text.value == "tls") {
      out.tls = true;
    } else if (text.value == "ticket") {
      out.ticket = true;
    } else if (text.value == "socks5" || text.value == "connect" || text.value == "websocket" || text.value == "h2c") {
      section.refuse(text, fmt::format("\"{}\" is not available in this version", text.value), kAllowed);
    } else {
      section.refuse(text, fmt::format("\"{}\" is not known", shown(text.written)), kAllowed);
    }
  }
  if (!out.tls && !out.ticket) section.refuse("accept", "accepts nothing", kAllowed);
  return out;
}

ListenerConfig read_listener(Section& section, BoundAddresses& bound) {
  ListenerConfig out;
  if (const auto address = section.required_text("address", "ADDRESS:PORT")) {
    out.address = read_listen(section, *address).value_or(SocketAddress{});
    bound.add(section, "address", out.address);
  }
  out.accept = read_accept(section);
  out.proxy_from = config::read_each(section, "proxy_from", "a list of ADDRESS/BITS", &config::read_cidr);
  section.done();
  return out;
}

std::vector<std::string> patterns_or(Section& section, std::string_view key, std::vector<std::string> otherwise) {
  if (!section.has(key)) return otherwise;
  std::vector<std::string> out;
  for (Text& text : section.texts(key, "a list of patterns")) out.push_back(std::move(text.value));
  return out;
}

PolicyRule read_policy(Section& section) {
  PolicyRule out = default_rule();
  out.agent = section.text("agent", out.agent);
  out.services = patterns_or(section, "services", out.services);
  out.endpoints = patterns_or(section, "endpoints", out.endpoints);
  out.hosts = patterns_or(section, "hosts", out.hosts);
  if (section.has("source")) {
    out.source = config::read_each(section, "source", "a list of ADDRESS/BITS", &config::read_cidr);
  }
  section.done();
  // A rule that could not be read has been refused already, and what stands in `out` is then no help to anybody.
  if (section.report().failed()) return out;
  if (const auto checked = check_rule(out); !checked) {
    // "KEY: what is wrong": said at the key's own line; a key that keeps its default is the table's problem.
    const std::string_view detail = checked.error().detail;
    const std::string_view key = detail.substr(0, detail.find(": "));
    if (section.has(key)) {
      section.refuse(key, detail.substr(key.size() + 2), "");
    } else {
      section.refuse_table(detail);
    }
  }
  return out;
}

PortConfig read_port(Section& section, BoundAddresses& bound) {
  constexpr std::string_view kServiceForm = "SERVICE.CLUSTER, both one label";
  PortConfig out;
  if (const auto listen = section.required_text("listen", "ADDRESS:PORT")) {
    out.listen = read_listen(section, *listen).value_or(SocketAddress{});
    bound.add(section, "listen", out.listen);
  }
  if (const auto service = section.required_text("service", kServiceForm)) {
    out.service = normalize_name(service->value);
    const auto dot = out.service.find('.');
    if (dot == std::string::npos || !is_label(out.service.substr(0, dot)) || !is_label(out.service.substr(dot + 1))) {
      section.refuse(*service, fmt::format("\"{}\" is not a service", shown(service->written)), kServiceForm);
    }
  }
  section.done();
  return out;
}

// What the main file and the included ones may both hold.
void read_lists(Section& root, RendezvousConfig& out, BoundAddresses& bound) {
  for (Section& section : root.tables("listener")) out.listeners.push_back(read_listener(section, bound));
  for (Section& section : root.tables("policy")) out.policy.push_back(read_policy(section));
  for (Section& section : root.tables("port")) out.ports.push_back(read_port(section, bound));
}

void read_registry(Section section) {
  const auto backend = section.find_text("backend", "\"embedded\"");
  if (backend && backend->value != "embedded") {
    section.refuse(*backend,
                   backend->value == "etcd" ? "\"etcd\" is not available in this version"
                                            : fmt::format("\"{}\" is not known", shown(backend->written)),
                   "\"embedded\"");
  }
  section.done();
}

// In days, or as a duration where a day is too long.
std::chrono::seconds read_leaf_life(Section& section, std::chrono::seconds otherwise) {
  constexpr std::string_view kKey = "leaf_days";
  constexpr std::chrono::seconds kMost = std::chrono::days(kMaxLeafDays);
  if (section.kind_of(kKey) == config::Kind::text)
    return std::chrono::floor<std::chrono::seconds>(section.duration(kKey, {kLeastLeafLife, kMost}, otherwise));
  const auto days = section.integer(kKey, {1, kMaxLeafDays}, std::chrono::floor<std::chrono::days>(otherwise).count());
  return std::chrono::days(days);
}

SignerConfig read_signer(Section section) {
  constexpr Section::Choice<SignerMode> kModes[] = {{"none", SignerMode::none}, {"file", SignerMode::file}};
  SignerConfig out;
  out.mode = section.one_of("mode", kModes, out.mode);
  out.cert = config::path_or(section, "cert", out.cert);
  out.key = config::path_or(section, "key", out.key);
  out.leaf_life = read_leaf_life(section, out.leaf_life);
  out.renew_grace = std::chrono::floor<std::chrono::seconds>(
      section.duration("renew_grace", {0s, std::chrono::days(3650)}, out.renew_grace));
  if (const auto text = section.find_text("cluster", "one label")) {
    out.cluster = config::read_label(section, *text).value_or(out.cluster);
  }
  if (out.mode == SignerMode::file) {
    for (const auto& [name, path] : {std::pair("cert", out.cert), std::pair("key", out.key)}) {
      if (path.empty()) section.refuse(name, "mode \"file\" needs it", "a PEM file");
    }
  }
  section.done();
  return out;
}

LogConfig read_log(Section section) {
  constexpr Section::Choice<AccessLog> kAccess[] = {
      {"off", AccessLog::off}, {"failures", AccessLog::failures}, {"all", AccessLog::all}};
  LogConfig out;
  out.access = section.one_of("access", kAccess, out.access);
  section.done();
  return out;
}

std::size_t count(Section& section, std::string_view key, std::int64_t least, std::size_t otherwise) {
  return static_cast<std::size_t>(section.integer(key, {least, kMaxCount}, static_cast<std::int64_t>(otherwise)));
}

Limits read_limits(Section section) {
  Limits out;
  out.classify_bytes = section.size("classify_bytes", kClassifyBytes, out.classify_bytes);
  out.classify_timeout = section.duration("classify_timeout", kTimeout, out.classify_timeout);
  out.unclassified_max = count(section, "unclassified_max", 1, out.unclassified_max);
  out.unclassified_per_source = count(section, "unclassified_per_source", 1, out.unclassified_per_source);
  out.handshakes_max = count(section, "handshakes_max", 1, out.handshakes_max);
  out.handshakes_waiting = count(section, "handshakes_waiting", 0, out.handshakes_waiting);
  out.handshakes_waiting_bytes = section.size("handshakes_waiting_bytes", kWaitingBytes, out.handshakes_waiting_bytes);
  out.handshakes_per_source = count(section, "handshakes_per_source", 1, out.handshakes_per_source);
  out.flight_timeout = section.duration("flight_timeout", kTimeout, out.flight_timeout);
  out.handshake_timeout = section.duration("handshake_timeout", kTimeout, out.handshake_timeout);
  out.channel_wait = section.duration("channel_wait", kTimeout, out.channel_wait);
  out.answer_timeout = section.duration("answer_timeout", kTimeout, out.answer_timeout);
  out.relays_per_source = count(section, "relays_per_source", 1, out.relays_per_source);
  out.unproved_per_source = count(section, "unproved_per_source", 1, out.unproved_per_source);
  out.relays_per_service = count(section, "relays_per_service", 1, out.relays_per_service);
  out.relays_per_agent = count(section, "relays_per_agent", 1, out.relays_per_agent);
  out.relays_max = count(section, "relays_max", 0, out.relays_max);
  out.sessions_max = count(section, "sessions_max", 0, out.sessions_max);
  out.channels_max = count(section, "channels_max", 0, out.channels_max);
  out.services_per_agent =
      static_cast<std::size_t>(section.integer("services_per_agent", {1, 65535}, std::int64_t(out.services_per_agent)));
  out.idle_timeout = section.duration("idle_timeout", kLongTimeout, out.idle_timeout);
  out.half_close_timeout = section.duration("half_close_timeout", kTimeout, out.half_close_timeout);
  out.first_flight_timeout = section.duration("first_flight_timeout", kTimeout, out.first_flight_timeout);
  out.connect_timeout = section.duration("connect_timeout", kTimeout, out.connect_timeout);
  out.ping_interval = section.duration("ping_interval", {100ms, 10min}, out.ping_interval);
  out.verify_probe = section.duration("verify_probe", {1s, 1h}, out.verify_probe);
  out.verify_interval = section.duration("verify_interval", {1s, 24h}, out.verify_interval);
  out.verify_dials_max = count(section, "verify_dials_max", 1, out.verify_dials_max);
  out.verify_dials_per_target = count(section, "verify_dials_per_target", 1, out.verify_dials_per_target);
  out.relay_memory = section.size("relay_memory", kRelayMemory, out.relay_memory);
  section.done();
  return out;
}

RendezvousConfig read_root(Section& root) {
  RendezvousConfig out;
  BoundAddresses bound;
  Section server = root.table("server");
  read_server(server, out, bound);
  Section identity = root.table("identity");
  out.identity = config::read_identity(identity);
  identity.done();
  out.signer = read_signer(root.table("signer"));
  read_registry(root.table("registry"));
  out.log = read_log(root.table("log"));
  out.limits = read_limits(root.table("limits"));
  read_lists(root, out, bound);
  root.not_available("ports", "allocating ports");
  root.not_available("telemetry", "telemetry");
  config::read_included(server, "", [&](Section& included) { read_lists(included, out, bound); });
  server.done();
  root.done();
  if (out.listeners.empty()) {
    server.refuse("listen", "nothing to listen on", "at least one ADDRESS:PORT here, or one [[listener]]");
  }
  if (out.policy.empty()) out.policy.push_back(default_rule());
  return out;
}

Result<Loaded> read_value(const config::Value& value, const std::string& path, const config::Environment& environment) {
  config::Report report(config::UnknownKeys::refuse, environment);
  Section root(value, path, "", report);
  RendezvousConfig out = read_root(root);
  if (report.failed()) return tl::unexpected(report.error());
  return Loaded{std::move(out), report.warnings()};
}

}  // namespace

Result<Loaded> load_config(const std::string& path, const config::Environment& environment) {
  const auto value = config::read_toml(path);
  if (!value) return tl::unexpected(value.error());
  return read_value(*value, path, environment);
}

Result<Loaded> parse_config(std::string_view text, const std::string& path, const config::Environment& environment) {
  const auto value = config::parse_toml(text, path);
  if (!value) return tl::unexpected(value.error());
  return read_value(*value, path, environment);
}

Result<void> check_files(const RendezvousConfig& config, const std::string& path) {
  if (auto checked = config::check_identity_files(config.identity, path); !checked) return checked;
  return config::check_socket_path(config.server.admin_path, "server.admin", path);
}

}  // namespace fairlead::rendezvous
