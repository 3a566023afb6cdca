#pragma once
// What the UPnP helper does with a gateway device: facts, a port forwarded, a port given back, for either family. The
// rule above all: an entry that is somebody else's is neither overwritten nor deleted. Pure logic over Igd; blocks as
// long as its calls do.
#include "agent/nat/igd.h"
#include "agent/nat/upnp_exchange.h"

namespace fairlead::agent::nat {

// Whose entry it is, for a request of ours.
enum class Ownership {
  ours,        // the very mapping that is asked for
  ours_stale,  // made by us for another internal port: may be replaced
  foreign,
};
Ownership ownership_of(const PortEntry& entry, const UpnpRequest& request);

// The answer, without its location.
UpnpAnswer run_upnp_action(Igd& igd, const UpnpRequest& request);

}  // namespace fairlead::agent::nat
