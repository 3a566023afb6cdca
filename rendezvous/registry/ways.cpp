#include "rendezvous/registry/ways.h"

#include <algorithm>

namespace fairlead::rendezvous {

Ways::Ways(std::vector<DirectEndpoint> direct) {
  const auto live_end = std::ranges::stable_partition(direct, [](const DirectEndpoint& each) {
                          return each.state == DirectEndpoint::State::live;
                        }).begin();
  all_.reserve(direct.size() + 1);
  for (auto at = direct.begin(); at != live_end; ++at) {
    all_.push_back({Way::Kind::direct, kDirectPriority, std::move(*at)});
  }
  all_.push_back({Way::Kind::relay, kRelayPriority, {}});
  usable_ = all_.size();
  for (auto at = live_end; at != direct.end(); ++at) {
    all_.push_back({Way::Kind::direct, kDirectPriority, std::move(*at)});
  }
}

}  // namespace fairlead::rendezvous
