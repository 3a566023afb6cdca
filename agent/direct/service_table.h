#pragma once
// What the agent's own listener serves: the services that a rendezvous confirmed, under the very names and for the very
// sources that the confirmation carries (going direct must not widen policy). One loop; owned by DirectListener.
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/setting/config.h"
#include "common/route/name_index.h"

namespace fairlead::agent {

// A service with what its confirmations say of it: sources as that rendezvous told them.
struct ConfirmedService {
  ServiceConfig config;
  std::string service;   // SERVICE.CLUSTER
  std::string endpoint;  // ENDPOINT
  std::vector<Cidr> sources;
  bool operator==(const ConfirmedService&) const = default;
};

class ServiceTable {
 public:
  ServiceTable();

  // All that there are now. Names that are gone are remembered for a while, as at the rendezvous: clients get alert 80
  // for them and not 112. Two of one SERVICE.CLUSTER and ENDPOINT are one, for the sources that both allow.
  void replace(std::vector<ConfirmedService> services, TimePoint now);

  // Kind::own: no SNI, or an IP literal; no other name ends here.
  route::Route route(std::string_view sni, const std::vector<std::string>& alpn) const {
    return snapshot_->route(sni, alpn);
  }
  // Of an endpoint that a route led to; null: replaced meanwhile. Good until the next replace().
  const ConfirmedService* find(const route::Endpoint& endpoint) const;

 private:
  struct Entry {
    ConfirmedService confirmed;
    route::EndpointPtr endpoint;
  };

  std::vector<Entry> entries_;
  route::NameIndex names_;
  std::shared_ptr<const route::Snapshot> snapshot_;
};

}  // namespace fairlead::agent
