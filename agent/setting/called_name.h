#pragma once
// The name that `connect` and [[egress]] call, and who may answer to it. Both come from what the user typed and from
// nothing else: a server that lies can cut a connection, never be taken for the service. Pure.
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace fairlead::agent {

struct CalledName {
  std::string sni;                    // lower case, without a trailing dot
  std::vector<std::string> expected;  // PatternKind::spiffe, at least one; {trust_domain} stands for our own
  bool operator==(const CalledName&) const = default;
};

bool is_expected_pattern(std::string_view text);  // spiffe://...
// NAME[:PORT]. `expect`: who may answer, in the place of what follows from the name:
//   SERVICE.CLUSTER            an agent of that cluster, or the service's own certificate
//   ENDPOINT.SERVICE.CLUSTER   that agent, or the service's own certificate
//   another                    nobody: `expect` must say
// A port tells the services of a mesh host apart, where Istio's protocols are spoken; here it changes nothing.
// Error: config_invalid with the line to print.
Result<CalledName> read_called_name(std::string_view text, const std::vector<std::string>& expect);

}  // namespace fairlead::agent
