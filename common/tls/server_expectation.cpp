#include "common/tls/server_expectation.h"

#include <fmt/format.h>

#include "common/base/pattern.h"

namespace fairlead::tls {

Result<void> check_expected(const PeerIdentity& peer, const ServerExpectation& expected,
                            std::string_view trust_domain) {
  if (!expected.host.empty() && !names_host(peer, expected.host))
    return fail(Reason::certificate_name,
                fmt::format("the certificate of {} is not for {}", peer.spiffe_id, expected.host));
  Captures captures{{"trust_domain", std::string(trust_domain)}};
  if (!pattern_match(PatternKind::spiffe, expected.spiffe_pattern, peer.spiffe_id, captures))
    return fail(Reason::certificate_identity, fmt::format("the server is {}, expected {}", peer.spiffe_id,
                                                          pattern_expand(expected.spiffe_pattern, captures)));
  return {};
}

}  // namespace fairlead::tls
