#pragma once
// Proves candidates to one rendezvous for as long as its session stands: one ProofConnection per nonce, to an address
// of that server in the candidate's family, at a limited rate whatever the server asks for. A nonce for which there is
// no address yet, or no room, waits, until a newer one of its candidate comes or nobody can want it any more. One loop;
// owned by a RendezvousLink.
#include <memory>
#include <vector>

#include "agent/resource/agent_tools.h"
#include "agent/session/candidate_offers.h"
#include "agent/session/proof_connection.h"
#include "agent/session/server_addresses.h"
#include "common/core/token_bucket.h"

namespace fairlead::agent {

class Proofs {
 public:
  // All outlive it; `offers` says where a candidate's proof must come from, and that it still stands.
  Proofs(AgentTools& tools, const CandidateOffers& offers, const ServerAddresses& servers);
  ~Proofs();

  void prove(const wire::VerifyNonce& nonce, tls::TlsClientContext& context, const tls::ServerExpectation& expected);
  void on_servers_changed() { try_waiting(); }
  void drop();  // the session has ended
  std::size_t under_way() const { return connections_.size(); }
  std::size_t waiting() const { return waiting_.size(); }

 private:
  struct Request {
    wire::VerifyNonce nonce;
    tls::TlsClientContext* context;
    tls::ServerExpectation expected;
    TimePoint asked;
  };

  bool outdated(const Request& request) const { return tools_.loop.now() - request.asked >= kProofTime; }
  void start(Request request);
  void wait(Request request);
  void try_waiting();
  void on_done(ProofConnection& done);

  AgentTools& tools_;
  const CandidateOffers& offers_;
  const ServerAddresses& servers_;
  std::vector<std::unique_ptr<ProofConnection>> connections_;
  std::vector<Request> waiting_;
  core::TokenBucket rate_;
};

}  // namespace fairlead::agent
