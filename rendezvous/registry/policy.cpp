#include "rendezvous/registry/policy.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace fairlead::rendezvous {
namespace {

constexpr std::string_view kTrustDomain = "trust_domain";
constexpr std::string_view kAgentPrefix = "spiffe://";

bool is_capture(std::string_view label) {
  return label.size() > 2 && label.front() == '{';
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const auto at = text.find(separator);
    parts.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

// The captures that the agent pattern makes, as {name} with their braces.
std::vector<std::string_view> captures_of(std::string_view agent) {
  std::vector<std::string_view> found = split(agent, '/');
  std::erase_if(found, [](std::string_view segment) { return !is_capture(segment); });
  return found;
}

struct PatternList {
  std::string_view key;
  const std::vector<std::string>& patterns;
  std::size_t labels;  // 0: any number
  std::string_view shape;
};

Result<void> check_pattern(const PatternList& list, const std::string& pattern,
                           const std::vector<std::string_view>& known) {
  const auto wrong = [&](std::string_view what) {
    return fail(Reason::config_invalid, fmt::format("{}: \"{}\" {}", list.key, pattern, what));
  };
  if (pattern != normalize_name(pattern)) return wrong("must be lower-case and must not end in a dot");
  if (!pattern_valid(PatternKind::name, pattern)) return wrong("is no pattern: `*` and {capture} are whole labels");
  const auto labels = split(pattern, '.');
  if (list.labels != 0 && labels.size() != list.labels) return wrong(fmt::format("must be {}", list.shape));
  for (const std::string_view label : labels) {
    if (label == "*") continue;
    if (is_capture(label)) {
      if (label == fmt::format("{{{}}}", kTrustDomain) || std::ranges::find(known, label) != known.end()) continue;
      return wrong(fmt::format("uses {}, which `agent` does not capture", label));
    }
    if (!is_label(label)) return wrong("has a label that is not made of letters, digits and hyphens");
  }
  return {};
}

}  // namespace

PolicyRule default_rule() {
  return {.agent = "spiffe://{trust_domain}/agent/{cluster}/{name}",
          .services = {"*.{cluster}"},
          .endpoints = {"{name}"},
          .hosts = {},
          .source = {*Cidr::parse("0.0.0.0/0"), *Cidr::parse("::/0")}};
}

Result<void> check_rule(const PolicyRule& rule) {
  if (!rule.agent.starts_with(kAgentPrefix) || !pattern_valid(PatternKind::spiffe, rule.agent)) {
    return fail(
        Reason::config_invalid,
        fmt::format("agent: \"{}\" is no SPIFFE id pattern: spiffe://TRUST_DOMAIN/PATH, where `*` and {{capture}} "
                    "are whole segments and `**` is the last one",
                    rule.agent));
  }
  const auto known = captures_of(rule.agent);
  const std::array<PatternList, 3> lists = {{{"services", rule.services, 2, "SERVICE.CLUSTER"},
                                             {"endpoints", rule.endpoints, 1, "one label"},
                                             {"hosts", rule.hosts, 0, ""}}};
  for (const PatternList& list : lists) {
    for (const std::string& pattern : list.patterns) {
      if (auto checked = check_pattern(list, pattern, known); !checked) return checked;
    }
  }
  return {};
}

Grant::Grant(std::shared_ptr<const PolicyRule> rule, Captures captures)
    : rule_(std::move(rule)), captures_(std::move(captures)) {}

bool Grant::may_be(std::string_view endpoint) const {
  return matches_any(rule_->endpoints, endpoint);
}
bool Grant::may_register(std::string_view service) const {
  return matches_any(rule_->services, service);
}
bool Grant::may_claim(std::string_view host) const {
  return matches_any(rule_->hosts, host);
}

bool Grant::spells_service(std::string_view host, std::size_t first) const {
  return std::ranges::any_of(rule_->hosts, [&](const std::string& pattern) {
    Captures captures = captures_;
    if (!pattern_match(PatternKind::name, pattern, host, captures)) return false;
    const auto labels = split(pattern, '.');  // as many as the host has: a wildcard is one label
    return labels[first] != "*" && labels[first + 1] != "*";
  });
}

// Captured values are compared, never expanded into a pattern: a certificate may say `*`.
bool Grant::matches_any(const std::vector<std::string>& patterns, std::string_view name) const {
  return std::ranges::any_of(patterns, [&](const std::string& pattern) {
    Captures captures = captures_;
    return pattern_match(PatternKind::name, pattern, name, captures);
  });
}

std::optional<std::string> Grant::label(std::string_view capture) const {
  const auto found = captures_.find(capture);
  if (found == captures_.end() || !is_label(found->second)) return std::nullopt;
  return found->second;
}

Policy::Policy(std::vector<PolicyRule> rules, std::string trust_domain) : trust_domain_(std::move(trust_domain)) {
  if (rules.empty()) rules.push_back(default_rule());
  for (PolicyRule& rule : rules) rules_.push_back(std::make_shared<const PolicyRule>(std::move(rule)));
}

std::optional<Grant> Policy::match(std::string_view spiffe_id) const {
  for (const auto& rule : rules_) {
    Captures captures{{std::string(kTrustDomain), trust_domain_}};
    if (pattern_match(PatternKind::spiffe, rule->agent, spiffe_id, captures)) return Grant(rule, std::move(captures));
  }
  return std::nullopt;
}

}  // namespace fairlead::rendezvous
