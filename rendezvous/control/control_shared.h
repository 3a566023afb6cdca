#pragma once
// What all control threads share beside Shared. Owned by the server, outlives the threads. Any thread.
#include "rendezvous/control/identity_pauses.h"
#include "rendezvous/verify/verify_shared.h"

namespace fairlead::rendezvous {

struct ControlShared {
  VerifyShared verify;
  IdentityPauses pauses;
};

}  // namespace fairlead::rendezvous
