#pragma once
// Makes the token that `token create` prints: a new id and secret, and what a device needs to know of this server
// before it says the secret. Pure but for randomness.
#include "common/base/random.h"
#include "common/tls/credentials.h"
#include "rendezvous/join/joining.h"

namespace fairlead::rendezvous {

// config_invalid: the identity's certificate is not signed by a CA of its bundle, or no public address is known.
Result<wire::JoinToken> new_token(const ServerConfig& server, const tls::Credentials& credentials, Rng& rng);

}  // namespace fairlead::rendezvous
