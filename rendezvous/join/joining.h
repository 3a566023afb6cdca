#pragma once
// What a device that joins is answered: its request judged, its token taken and its certificate signed, in one
// transaction (store/join_store.h). The names in the certificate are ours to decide, from token and request's name:
//   spiffe://TD/agent/CLUSTER/NAME; DNS names NAME.CLUSTER and those of the token's service patterns that X.509 can say
// And what a device is answered that is here and asks for its next certificate over its session (wire Renew): the
// device is the one of the session's identity, its key the one it joined with; names are those of its last certificate.
// Who has no session because its certificate has ended asks as one who joins does, known by its key alone, for as long
// after that end as renew_grace says.
// Blocking: its thread is join_thread.h. One thread.
#include <memory>

#include "common/tls/credentials.h"
#include "common/wire/control_message.h"
#include "rendezvous/ca/issuer.h"
#include "rendezvous/setting/config.h"
#include "rendezvous/store/join_store.h"

namespace fairlead::rendezvous {

// What every device is told beside its certificate.
struct JoinFacts {
  std::vector<Bytes> bundle;            // DER of the CAs to trust
  std::vector<std::string> rendezvous;  // HOST:PORT
  std::string rendezvous_id;            // the pattern for agent.toml
};
JoinFacts join_facts(const ServerConfig& server, const tls::Credentials& credentials);

struct RenewalRequest {
  std::string spiffe_id;  // of the session that asks
  Bytes csr;
};

class Joining {
 public:
  // mode none: every answer is signer_none, and a state_dir that cannot be written is no error. Errors name the file:
  // config_invalid, state_newer, state_damaged, state_unwritable.
  static Result<std::unique_ptr<Joining>> open(const SignerConfig& signer, const std::string& state_dir,
                                               JoinFacts facts);

  void replace(JoinFacts facts) { facts_ = std::move(facts); }
  Result<std::vector<std::string>> revoked();  // SPIFFE ids
  bool signs() const { return issuer_ != nullptr; }
  wire::JoinAnswer answer(const wire::JoinQuestion& question, const SocketAddress& peer, WallTime now);
  wire::Renewed answer(const RenewalRequest& request, const SocketAddress& peer, WallTime now);

 private:
  Joining(const SignerConfig& signer, JoinFacts facts) : signer_(signer), facts_(std::move(facts)) {}
  Result<wire::Joined> join(const wire::JoinRequest& request, const SocketAddress& peer, WallTime now);
  Result<wire::Joined> join(const wire::LateRenewal& request, const SocketAddress& peer, WallTime now);
  Result<IssuedChain> reissue(const RenewalAsk& ask, tls::OwnedKey& key, const SocketAddress& peer, WallTime now);
  std::string agent_id(const std::string& cluster, const std::string& name) const;
  wire::Joined joined(IssuedChain issued, const std::string& cluster, const std::string& name) const;
  Result<wire::Renewed> renew(const RenewalRequest& request, const SocketAddress& peer, WallTime now);
  Result<IssuedChain> sign(tls::AlternativeNames names, const std::string& name, tls::OwnedKey& key, WallTime now);

  const SignerConfig signer_;
  JoinFacts facts_;
  std::unique_ptr<Issuer> issuer_;    // null: mode none
  std::unique_ptr<JoinStore> store_;  // null: mode none, and state_dir cannot be written
};

}  // namespace fairlead::rendezvous
