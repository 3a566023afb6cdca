#include "agent/setting/service_section.h"

#include <fmt/core.h>

#include <utility>

#include "common/config/fields.h"
#include "common/config/nearest.h"

namespace fairlead::agent {
namespace {

using config::Section;
using config::shown;
using config::Text;

constexpr std::int64_t kMaxPort = 65535;

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

// What was not asked for would be believed to hold.
void refuse_without_terminate(Section& section, std::string_view key) {
  section.refuse(key, "says something of TLS that ends here, and this service's does not",
                 "tls = \"terminate\" beside it, or no such key");
}

void read_protocol_of(Section& section, ServiceConfig& out) {
  constexpr std::string_view kProtocols = "\"tcp\" or \"http\"";
  const auto protocol = section.find_text("protocol", kProtocols);
  if (!protocol || protocol->value == "tcp") return;
  if (protocol->value == "http") {
    out.protocol = Protocol::http;
    return;
  }
  const bool later = protocol->value == "hbone";
  section.refuse(
      *protocol,
      fmt::format("\"{}\" is not {}", shown(protocol->written), later ? "available in this version" : "known"),
      kProtocols);
}

std::optional<std::string> read_caller(Section& section, const Text& text) {
  if (is_caller_pattern(text.value)) return text.value;
  section.refuse(text, fmt::format("\"{}\" is not a caller", shown(text.written)), kCallerForm);
  return std::nullopt;
}

void read_certificate(Section& section, ServiceConfig& out) {
  const auto file_or_none = [&](std::string_view key) {
    const auto text = section.find_text(key, "the path of a file");
    return text && !text->value.empty() ? config::relative_to(section.file(), text->value) : std::string();
  };
  out.cert = file_or_none("cert");
  out.key = file_or_none("key");
  if (out.cert.empty() == out.key.empty()) return;
  section.refuse(out.cert.empty() ? "key" : "cert", "stands alone", "cert and key, or neither: the agent's own");
}

void read_terminate(Section& section, ServiceConfig& out) {
  read_protocol_of(section, out);
  if (section.has("allow")) {
    out.allow = config::read_each(section, "allow", kCallerForm, &read_caller);
    if (out.allow.empty()) section.refuse("allow", "names nobody, so that nobody could call", kCallerForm);
  }
  read_certificate(section, out);
  if (out.tls == Tls::terminate) return;
  if (out.allow != ServiceConfig().allow) refuse_without_terminate(section, "allow");
  if (!out.cert.empty()) refuse_without_terminate(section, "cert");
  if (out.protocol != Protocol::tcp) refuse_without_terminate(section, "protocol");
}

void read_tls(Section& section, ServiceConfig& out) {
  constexpr Section::Choice<Tls> kTls[] = {{"passthrough", Tls::passthrough}, {"terminate", Tls::terminate}};
  out.tls = section.one_of("tls", kTls, out.tls);
  read_terminate(section, out);
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

}  // namespace

ServiceConfig read_service(Section section) {
  ServiceConfig out;
  out.file = section.file();
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

}  // namespace fairlead::agent
