#pragma once
// Who may call a service whose TLS ends here: `allow` of its [[service]], for one trust domain and cluster. The chain
// was judged before. Pure; any thread.
#include <string>
#include <vector>

#include "agent/setting/config.h"
#include "common/base/pattern.h"
#include "common/tls/peer_certificate.h"

namespace fairlead::agent {

class CallerRule {
 public:
  // `cluster`: of our own services; empty, it is not known here, and "cluster" allows nobody.
  CallerRule(const ServiceConfig& service, std::string_view trust_domain, std::string_view cluster);

  // caller_denied with the line to write into agent.toml; identity_too_long where the service wants to be told more
  // than fits.
  Result<void> judge(const tls::PeerIdentity& caller) const;

 private:
  bool allows(const std::string& spiffe_id) const;

  std::string service_;
  std::vector<std::string> allow_;
  ProxyProtocol proxy_protocol_;
  Captures known_;
};

}  // namespace fairlead::agent
