#include "rendezvous/relay/live_relay.h"

namespace fairlead::rendezvous {

LiveRelay::LiveRelay(LiveRelayOwner& owner, net::RelayTools tools, const net::RelayLimits& limits,
                     MeshHost::Accepted accepted)
    : owner_(owner),
      who_(std::move(accepted.who)),
      attempt_(std::move(accepted.attempt)),
      relay_(tools,
             net::RelayEnds{.client = std::move(accepted.client),
                            .service = std::move(accepted.channel),
                            .to_service = {},  // the ClientHello went with the header
                            .to_client = std::move(accepted.from_service),
                            .to_client_prefix = {}},
             limits, *this) {}

void LiveRelay::on_client_spoke(net::Relay& /*relay*/) {
  owner_.on_live_relay_proved(*this);
}

void LiveRelay::on_relay_ended(net::Relay& /*relay*/, const net::RelayOutcome& outcome) {
  who_.service_token = {};  // at once: a newcomer may wait for it
  owner_.on_live_relay_ended(*this, outcome);
}

}  // namespace fairlead::rendezvous
