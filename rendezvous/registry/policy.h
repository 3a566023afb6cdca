#pragma once
// What an identity may be and register ([[policy]]). The first rule whose `agent` pattern matches the
// SPIFFE id decides; none matches: refused. Captures of that pattern are used by the other keys. Immutable values;
// any thread. Identities are compared exactly: a certificate for .../Home/x does not speak for cluster `home`.
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/ip.h"
#include "common/base/pattern.h"
#include "common/base/result.h"

namespace fairlead::rendezvous {

struct PolicyRule {
  std::string agent;                   // SPIFFE id pattern; {trust_domain} is known beforehand
  std::vector<std::string> services;   // SERVICE.CLUSTER patterns; none: may register nothing
  std::vector<std::string> endpoints;  // ENDPOINT patterns; none: may be nobody (a rule that denies)
  std::vector<std::string> hosts;      // mesh hosts and extra SNI names it may claim
  std::vector<Cidr> source;            // who may connect to its services; none: nobody

  bool operator==(const PolicyRule&) const = default;
};

// The rule that stands where a configuration has none; its fields are also the defaults of the keys.
PolicyRule default_rule();

// config_invalid, with what is wrong and what is allowed: patterns are well-formed and lower-case, a service has two
// labels and an endpoint one, and no key uses a capture that `agent` does not make (it would match anything).
Result<void> check_rule(const PolicyRule& rule);

// What one identity was given by the rule that matched it. A value that outlives its policy.
class Grant {
 public:
  Grant(std::shared_ptr<const PolicyRule> rule, Captures captures);

  // All names lower-case: normalize_name() first.
  bool may_be(std::string_view endpoint) const;
  bool may_register(std::string_view service) const;  // SERVICE.CLUSTER
  bool may_claim(std::string_view host) const;
  // Whether `hosts` allows it by a pattern that says the two labels from the one at `first` on, a SERVICE.CLUSTER, in
  // letters or by a capture: who wrote `*.home` gave nobody db.home.
  bool spells_service(std::string_view host, std::size_t first) const;
  const std::vector<Cidr>& sources() const { return rule_->source; }

  // ENDPOINT and CLUSTER of an agent that names none: captures {name} and {cluster}, where they are labels.
  std::optional<std::string> default_endpoint() const { return label("name"); }
  std::optional<std::string> default_cluster() const { return label("cluster"); }

 private:
  bool matches_any(const std::vector<std::string>& patterns, std::string_view name) const;
  std::optional<std::string> label(std::string_view capture) const;

  std::shared_ptr<const PolicyRule> rule_;
  Captures captures_;
};

class Policy {
 public:
  // Rules have passed check_rule(). No rules: the default one.
  Policy(std::vector<PolicyRule> rules, std::string trust_domain);

  std::optional<Grant> match(std::string_view spiffe_id) const;

 private:
  std::vector<std::shared_ptr<const PolicyRule>> rules_;
  std::string trust_domain_;
};

}  // namespace fairlead::rendezvous
