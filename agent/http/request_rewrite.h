#pragma once
// A caller's request as the target gets it: judged, without hop-by-hop fields and without what only a proxy may say,
// with our own words about the caller, and with framing written anew. Pure; any thread.
//
//   http_malformed   no Host, or one that is no host; a target that is none
//   http_ambiguous   several Hosts, a target with a host in it, framing (http/framing.h), Connection that names framing
//   http_unserved    CONNECT, an expectation other than 100-continue
#include <string>
#include <string_view>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/http/framing.h"

namespace fairlead::agent {

struct ForwardedRequest {
  Bytes head;
  http::Framing framing;
  std::string method;
  int minor = 1;
  bool persists = false;              // the connection may serve another request
  bool expects_continue = false;      // the body may never be sent
  std::vector<std::string> upgrades;  // the protocols that the target may switch to
};

// `identity`: identity_lines().
Result<ForwardedRequest> rewrite_request(const http::RequestHead& head, std::string_view identity);

// Fields that concern one connection alone (RFC 9110 §7.6.1), framing included.
bool is_hop_by_hop(std::string_view name, const std::vector<std::string_view>& connection_options);

}  // namespace fairlead::agent
