#include "rendezvous/registry/ways.h"

#include <utility>

namespace fairlead::rendezvous {

Ways::Ways(std::vector<DirectEndpoint> direct) {
  const auto append = [&](bool live) {
    for (DirectEndpoint& each : direct) {
      if ((each.state == DirectEndpoint::State::live) != live) continue;
      all_.push_back({Way::Kind::direct, kDirectPriority, std::move(each)});
    }
  };
  all_.reserve(direct.size() + 1);
  append(true);
  all_.push_back({Way::Kind::relay, kRelayPriority, {}});
  usable_ = all_.size();
  append(false);
}

}  // namespace fairlead::rendezvous
