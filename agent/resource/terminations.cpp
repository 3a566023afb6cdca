#include "agent/resource/terminations.h"

#include <fmt/format.h>

#include "agent/resource/caller_rule.h"

namespace fairlead::agent {

namespace {

// Of callers that speak HTTP/1.1; Istio's sidecars offer theirs. istio-peer-exchange is never chosen: its bytes would
// stand in front of the first request.
const std::vector<std::string> kHttpAlpn{"http/1.1", "istio-http/1.1", "istio-http/1.0", "istio", "http/1.0"};

}  // namespace

Result<ServiceCredentials> load_service_credentials(const AgentConfig& config) {
  ServiceCredentials out;
  for (const ServiceConfig& service : config.services) {
    if (service.cert.empty()) continue;
    auto loaded = tls::Credentials::load({service.cert, service.key, config.identity.ca});
    if (!loaded) return fail(loaded.error().reason, fmt::format("service {}: {}", service.name, loaded.error().detail));
    out[service.name] = std::move(*loaded);
  }
  return out;
}

// No tickets: a resumed session would bring an identity that the rule of today was not asked about.
void Terminations::replace(const std::vector<ServiceConfig>& services, const TerminationTerms& terms) {
  contexts_.clear();
  for (const ServiceConfig& service : services) {
    if (service.tls != Tls::terminate) continue;
    const auto own = terms.of_services.find(service.name);
    contexts_.emplace(
        service.name,
        tls::TlsServerContext({.credentials = own == terms.of_services.end() ? terms.own : own->second,
                               .alpn = service.protocol == Protocol::http ? kHttpAlpn : std::vector<std::string>(),
                               .ticket_keys = nullptr,
                               .clock = terms.clock,
                               .profile = tls::Profile::service,
                               .allow = [rule = CallerRule(service, terms.own->trust_domain(), terms.cluster)](
                                            const tls::PeerIdentity& caller) { return rule.judge(caller); },
                               .alpn_rule = tls::AlpnRule::if_offered}));
  }
}

tls::TlsServerContext* Terminations::find(const std::string& service) {
  const auto at = contexts_.find(service);
  return at == contexts_.end() ? nullptr : &at->second;
}

}  // namespace fairlead::agent
