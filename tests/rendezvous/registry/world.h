#pragma once
// A registry with agents, as these tests drive it: claims in one line, routes as text.
#include <fmt/format.h>

#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "rendezvous/registry/registry.h"
#include "tests/rendezvous/relay/toy_carrier.h"
#include "tests/support/doctest.h"

namespace fairlead::rendezvous {

using namespace route;

inline const std::vector<std::string> kIstio = {"istio", "h2"};

inline TimePoint at(Duration since_start) {
  return TimePoint(since_start);
}
inline Moment moment(Duration since_start) {
  return {at(since_start), WallTime(std::chrono::seconds(1'700'000'000))};
}
inline Cidr cidr(std::string_view text) {
  return *Cidr::parse(text);
}

// Hosts to claim, and the right to every service: names are then a matter of who holds them alone.
inline PolicyRule rule_with_hosts(std::vector<std::string> hosts) {
  PolicyRule rule = default_rule();
  rule.services = {"*.*"};
  rule.hosts = std::move(hosts);
  return rule;
}

struct Service {
  std::uint32_t claim = 1;
  std::string label;
  std::string host = {};
  std::uint16_t port = 8443;
  std::vector<std::string> sni = {};
  std::vector<std::string> subsets = {};

  wire::Register request() const { return {claim, label, host, port, sni, subsets}; }
};

class World {
 public:
  explicit World(std::vector<PolicyRule> rules = {rule_with_hosts({"*", "*.*", "*.*.*", "*.*.*.*", "*.*.*.*.*",
                                                                   "*.*.*.*.*.*"})},
                 OwnNames own = OwnNames({"rv.example.com"}, {"mesh.example.com"}), RegistryLimits limits = {})
      : registry(Policy(std::move(rules), "td"), std::move(own), limits) {}

  SessionClaim claim(const std::string& cluster, const std::string& name, std::uint8_t boot = 1,
                     std::uint64_t counter = 1) const {
    SessionClaim out{.spiffe_id = "spiffe://td/agent/" + cluster + "/" + name,
                     .endpoint = "",
                     .cluster = "",
                     .boot_id = {},
                     .counter = counter,
                     .session = std::make_shared<ToyCarrier>()};
    out.boot_id[0] = boot;
    return out;
  }
  // An agent that is let in without ado.
  std::shared_ptr<Carrier> enter(const std::string& cluster, const std::string& name) {
    const SessionClaim wanted = claim(cluster, name);
    const Admission admission = registry.admit(wanted, moment(now));
    REQUIRE(std::holds_alternative<Admitted>(admission));
    return wanted.session;
  }
  // "ok", followed by the names that were refused, or the reason code.
  std::string add(const std::shared_ptr<Carrier>& session, const Service& service) {
    const auto result = registry.register_service(*session, service.request(), moment(now));
    if (!result) return std::string(reason_code(result.error().reason));
    std::string out = "ok";
    for (const RefusedName& each : result->refused) out += " -" + each.name;
    return out;
  }

  const Snapshot& snapshot() {
    if (auto next = registry.publish()) snapshot_ = std::move(next);
    return *snapshot_;
  }
  // "own", "web.home: nas1 nas2", or the reason code.
  static std::string text(const Route& route) {
    if (route.kind == Route::Kind::own) return "own";
    if (route.kind != Route::Kind::service) return std::string(reason_code(route.reason));
    std::string out(route.service());
    out += ":";
    for (const EndpointPtr& endpoint : route.candidates()) {
      out += " " + endpoint->name;
      if (endpoint->service != route.service()) out += "(" + endpoint->service + ")";
    }
    return out;
  }
  std::string route(std::string_view sni, const std::vector<std::string>& alpn = kIstio) {
    return text(snapshot().route(sni, alpn));
  }

  Duration now = 0s;
  Registry registry;

 private:
  std::shared_ptr<const Snapshot> snapshot_ = registry.publish();
};

}  // namespace fairlead::rendezvous
