#include "agent/setting/exposed.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "agent/setting/service_section.h"
#include "common/base/pattern.h"
#include "common/config/fields.h"
#include "common/config/nearest.h"
#include "common/config/toml_text.h"

namespace fairlead::agent {
namespace {

using config::shown;

// What stands in front of a target of `expose`, and what becomes of it.
struct Scheme {
  std::string_view written;
  std::string_view instead;
  Tls tls;
  Protocol protocol;
  bool tcp_only;
};
constexpr Scheme kSchemes[] = {{"tls://", "", Tls::passthrough, Protocol::tcp, true},
                               {"tcp://", "", Tls::terminate, Protocol::tcp, true},
                               {"tcp+unix:", "unix:", Tls::terminate, Protocol::tcp, false},
                               {"http://", "", Tls::terminate, Protocol::http, true},
                               {"http+unix:", "unix:", Tls::terminate, Protocol::http, false},
                               {"", "", Tls::passthrough, Protocol::tcp, false}};
constexpr std::string_view kExposedForm =
    "HOST:PORT, tls://HOST:PORT, unix:PATH, tcp://HOST:PORT, tcp+unix:PATH, http://HOST:PORT or http+unix:PATH";

}  // namespace

Result<ServiceConfig> parse_exposed(std::string_view argument) {
  const auto refuse = [argument](std::string_view wrong) {
    return fail(Reason::config_invalid, fmt::format("{}: {}", shown(argument), wrong));
  };
  const auto equals = argument.find('=');
  if (equals == std::string_view::npos) return refuse("is not NAME=TARGET, such as web=127.0.0.1:8443");
  ServiceConfig out;
  out.name = argument.substr(0, equals);
  if (!is_label(out.name)) return refuse(fmt::format("NAME is not usable; allowed: {}", config::kLabelForm));
  const std::string_view target = argument.substr(equals + 1);
  if (target.starts_with("https://")) {
    return refuse("https:// is not available: write tls:// for a service that ends TLS itself");
  }
  const Scheme& scheme =
      *std::ranges::find_if(kSchemes, [&](const Scheme& s) { return target.starts_with(s.written); });
  const std::string written = std::string(scheme.instead).append(target.substr(scheme.written.size()));
  if (scheme.tcp_only && written.starts_with("unix:")) return refuse(fmt::format("{} takes HOST:PORT", scheme.written));
  auto parsed = parse_target(written);
  if (!parsed) return refuse(fmt::format("TARGET is not usable; allowed: {}", kExposedForm));
  out.tls = scheme.tls;
  out.protocol = scheme.protocol;
  out.target = std::move(*parsed);
  if (const auto* tcp = std::get_if<HostPort>(&out.target)) out.port = tcp->port;
  return out;
}

std::string service_toml(const ServiceConfig& service) {
  using config::toml_text;
  std::string out = fmt::format("[[service]]\nname = {}\ntarget = {}\n", toml_text(service.name),
                                toml_text(to_string(service.target)));
  if (service.tls == Tls::terminate) {
    out += fmt::format("tls = \"terminate\"\nprotocol = \"{}\"\nallow = {}\n",
                       service.protocol == Protocol::http ? "http" : "tcp", config::toml_list(service.allow));
  }
  return out;
}

}  // namespace fairlead::agent
