#pragma once
// What the port mapper takes from the world: uplinks, gateway clients, announcements. The real one asks the kernel and
// the network (port_mapper.cpp); tests bring gateways of their own. Outlives the port mapper's core; its loop.
#include <memory>
#include <string>
#include <vector>

#include "agent/nat/announcements.h"
#include "agent/nat/gateway_client.h"
#include "agent/nat/uplink.h"

namespace fairlead::agent::nat {

class Environment {
 public:
  virtual ~Environment() = default;
  virtual std::vector<Uplink> find_uplinks(const std::vector<std::string>& interfaces) = 0;
  // Null: this protocol does not exist for this uplink.
  virtual std::unique_ptr<GatewayClient> make_client(MappingProtocol protocol, const Uplink& uplink) = 0;
  // Listens at these uplinks from now on, instead of those named before.
  virtual void listen(const std::vector<Uplink>& uplinks, Announcements::OnAnnouncement on_announcement) = 0;
};

}  // namespace fairlead::agent::nat
