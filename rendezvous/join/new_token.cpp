#include "rendezvous/join/new_token.h"

#include "common/tls/key_pin.h"

namespace fairlead::rendezvous {

Result<wire::JoinToken> new_token(const ServerConfig& server, const tls::Credentials& credentials, Rng& rng) {
  wire::JoinToken out;
  const JoinFacts facts = join_facts(server, credentials);
  if (server.public_addresses.empty())
    return fail(Reason::config_invalid,
                "server.public_addresses: a token says where to join; name at least one address");
  out.rendezvous = server.public_addresses;
  out.rendezvous.resize(facts.rendezvous.size());
  out.rendezvous_id = facts.rendezvous_id;
  const Bytes* root = tls::signing_ca(credentials);
  const auto pin = root == nullptr ? std::nullopt : tls::key_pin(*root);
  if (!pin) return fail(Reason::config_invalid, "identity.ca: it does not hold the CA that signed identity.cert");
  out.ca_key_sha256 = *pin;
  rng.fill(out.id);
  rng.fill(out.secret);
  return out;
}

}  // namespace fairlead::rendezvous
