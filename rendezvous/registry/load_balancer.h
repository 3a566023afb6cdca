#pragma once
// Which endpoint takes a connection: the less loaded of two picked at random. Two random ones avoid that all workers
// run to the same least loaded endpoint at once. Pure; any thread.
#include <span>

#include "common/base/random.h"
#include "common/base/time.h"
#include "rendezvous/registry/routing.h"

namespace fairlead::rendezvous {

// Never one of `tried`. Endpoints that refuse, and those that fail their clients, are picked only when nothing else is
// left; but where more than half of the candidates fail their clients, these count as the rest do, by their weight:
// whoever can make connections come to nothing must not be able to send all others to one endpoint. Null: all were
// tried.
EndpointPtr pick(std::span<const EndpointPtr> candidates, Rng& rng, TimePoint now,
                 std::span<const Endpoint* const> tried = {});

}  // namespace fairlead::rendezvous
