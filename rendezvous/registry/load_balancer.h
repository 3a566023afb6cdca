#pragma once
// Which endpoint takes a connection: the less loaded of two picked at random. Two random ones avoid that all workers
// run to the same least loaded endpoint at once. Pure; any thread.
#include <span>

#include "common/base/random.h"
#include "common/base/time.h"
#include "rendezvous/registry/routing.h"

namespace fairlead::rendezvous {

// Never one of `tried`. Endpoints that are set aside are picked only when nothing else is left. Null: all were tried.
EndpointPtr pick(std::span<const EndpointPtr> candidates, Rng& rng, TimePoint now,
                 std::span<const Endpoint* const> tried = {});

}  // namespace fairlead::rendezvous
