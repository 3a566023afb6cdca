#pragma once
// What the verifiers of all control threads share. Owned by the server, outlives the threads. Any thread.
#include "rendezvous/verify/dial_ground.h"
#include "rendezvous/verify/proof_directory.h"
#include "rendezvous/verify/target_ledger.h"

namespace fairlead::rendezvous {

struct VerifyShared {
  ProofDirectory proofs;
  DialGround ground;
  TargetLedger targets;
};

}  // namespace fairlead::rendezvous
