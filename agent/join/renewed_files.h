#pragma once
// Puts a renewed certificate in the place of the one that an agent runs with: what a rendezvous answered is judged, and
// then replaces the files that [identity] names. The key stays, so the certificate's file alone is the step that
// counts. Blocking (a few small files); one thread.
#include <memory>

#include "agent/setting/config.h"
#include "common/tls/credentials.h"
#include "common/wire/control_message.h"

namespace fairlead::agent {

// That the files can be replaced at all, before anybody signs anything: state_unwritable.
Result<void> check_replaceable(const IdentityConfig& files);

// The answer must be for our key and our SPIFFE id, end later than `own`, and lead to a CA that is trusted then: one of
// the bundle that came with it, as far as our own vouches for that (tls/ca_bundle.h). The CA file is written first and
// only where it differs: an end in between leaves a usable identity. renewal_unusable: nothing is changed; io_failed.
Result<std::shared_ptr<const tls::Credentials>> keep_renewed(const IdentityConfig& files, const tls::Credentials& own,
                                                             const wire::Renewed& answer);

}  // namespace fairlead::agent
