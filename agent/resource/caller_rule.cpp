#include "agent/resource/caller_rule.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/wire/proxy_protocol.h"

namespace fairlead::agent {
namespace {
constexpr std::string_view kOwnAgents = "spiffe://{trust_domain}/agent/{cluster}/*";
}

// An empty cluster matches no segment; one that is left out would match every one.
CallerRule::CallerRule(const ServiceConfig& service, std::string_view trust_domain, std::string_view cluster)
    : service_(service.name),
      allow_(service.allow),
      proxy_protocol_(service.proxy_protocol),
      known_{{"trust_domain", std::string(trust_domain)}, {"cluster", std::string(cluster)}} {}

bool CallerRule::allows(const std::string& spiffe_id) const {
  return std::ranges::any_of(allow_, [&](const std::string& pattern) {
    Captures captures = known_;
    return pattern == "mesh" ||
           pattern_match(PatternKind::spiffe, pattern == "cluster" ? kOwnAgents : pattern, spiffe_id, captures);
  });
}

Result<void> CallerRule::judge(const tls::PeerIdentity& caller) const {
  const std::string& id = caller.spiffe_id;
  if (!allows(id)) {
    std::string line;
    for (const std::string& pattern : allow_) line += fmt::format("\"{}\", ", pattern);
    return fail(Reason::caller_denied, fmt::format("{} is not allowed; to allow it, write into [[service]] {}: "
                                                   "allow = [{}\"{}\"]",
                                                   id, service_, line, id));
  }
  if (proxy_protocol_ == ProxyProtocol::v2 && id.size() > wire::kMaxProxyIdentity) {
    return fail(Reason::identity_too_long,
                fmt::format("{} has {} bytes; at most {} fit", id, id.size(), wire::kMaxProxyIdentity));
  }
  return {};
}

}  // namespace fairlead::agent
