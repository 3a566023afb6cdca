#pragma once
// What a session asks of the registry. Any thread; answers come back by the LinkRef (SessionEnd). RegistryOwner is the
// one that answers; tests play it.
#include <memory>
#include <vector>

#include "rendezvous/control/link_ref.h"
#include "rendezvous/registry/direct_endpoint.h"
#include "rendezvous/registry/registry.h"
#include "rendezvous/relay/carrier.h"

namespace fairlead::rendezvous {

class RegistryDesk {
 public:
  virtual ~RegistryDesk() = default;
  virtual void post_hello(LinkRef link,
                          SessionClaim claim) = 0;  // on_admitted or on_refused, or a probe of another first
  virtual void post_register(LinkRef link, std::shared_ptr<Carrier> session, wire::Register request) = 0;
  virtual void post_unregister(std::shared_ptr<Carrier> session, std::uint32_t claim) = 0;
  virtual void post_direct(std::shared_ptr<Carrier> session, std::vector<DirectEndpoint> endpoints) = 0;  // all
  virtual void post_probe_answered(std::shared_ptr<Carrier> session) = 0;
  virtual void post_closed(std::shared_ptr<Carrier> session) = 0;
};

}  // namespace fairlead::rendezvous
