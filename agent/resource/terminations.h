#pragma once
// The TLS contexts of the services whose TLS ends here: which certificate each shows, and whom it lets in. Made anew
// when services, identity or CA change; connections keep what they began with. One loop, to which its contexts belong;
// owned by AgentTools.
#include <map>
#include <memory>
#include <string>

#include "agent/setting/config.h"
#include "common/tls/credentials.h"
#include "common/tls/tls_context.h"

namespace fairlead::agent {

// Of services that have a certificate of their own, by name.
using ServiceCredentials = std::map<std::string, std::shared_ptr<const tls::Credentials>>;

// Reads their files; config_invalid names the service and the file.
Result<ServiceCredentials> load_service_credentials(const AgentConfig& config);

struct TerminationTerms {
  std::shared_ptr<const tls::Credentials> own;  // the agent's: shown where a service has none, and whose CA counts
  ServiceCredentials of_services;
  std::string cluster;  // of our services; empty: not known here
  tls::WallClock clock;
};

class Terminations {
 public:
  void replace(const std::vector<ServiceConfig>& services, const TerminationTerms& terms);
  // Null: TLS of this service does not end here. Valid until the next replace().
  tls::TlsServerContext* find(const std::string& service);

 private:
  std::map<std::string, tls::TlsServerContext> contexts_;
};

}  // namespace fairlead::agent
