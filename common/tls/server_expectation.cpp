#include "common/tls/server_expectation.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/base/pattern.h"

namespace fairlead::tls {

Result<void> check_expected(const PeerIdentity& peer, const ServerExpectation& expected,
                            std::string_view trust_domain) {
  if (!expected.host.empty() && !names_host(peer, expected.host))
    return fail(Reason::certificate_name,
                fmt::format("the certificate of {} is not for {}", peer.spiffe_id, expected.host));
  const Captures own{{"trust_domain", std::string(trust_domain)}};
  const bool known = std::ranges::any_of(expected.spiffe_patterns, [&](const std::string& pattern) {
    Captures captures = own;
    return pattern_match(PatternKind::spiffe, pattern, peer.spiffe_id, captures);
  });
  if (known) return {};
  std::string wanted;
  for (const std::string& pattern : expected.spiffe_patterns)
    wanted += (wanted.empty() ? "" : " or ") + pattern_expand(pattern, own);
  return fail(Reason::certificate_identity, fmt::format("the server is {}, expected {}", peer.spiffe_id, wanted));
}

}  // namespace fairlead::tls
