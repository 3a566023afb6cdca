#include "agent/session/proofs.h"

#include <algorithm>

namespace fairlead::agent {
namespace {
constexpr double kPerSecond = 0.2;  // whatever a server asks for
}

Proofs::Proofs(AgentTools& tools, const CandidateOffers& offers, const ServerAddresses& servers)
    : tools_(tools), offers_(offers), servers_(servers), rate_(core::kMaxCandidates, kPerSecond, tools.loop.now()) {}

Proofs::~Proofs() {
  drop();
}

void Proofs::prove(const wire::VerifyNonce& nonce, tls::TlsClientContext& context,
                   const tls::ServerExpectation& expected) {
  std::erase_if(waiting_,
                [&](const Request& each) { return each.nonce.candidate == nonce.candidate || outdated(each); });
  start({nonce, &context, expected, tools_.loop.now()});
}

// To the same server, by the family of the candidate; where the server has none, the candidate stays unproved.
void Proofs::start(Request request) {
  const Offered* offered = offers_.find(request.nonce.candidate);
  if (offered == nullptr || connections_.size() >= core::kMaxCandidates) return;
  const auto server = servers_.of_family(offered->candidate.local);
  if (!server) return wait(std::move(request));  // the registrations may bring one
  if (!rate_.take(tools_.loop.now())) return;
  const auto share = tools_.room.take_proof();
  if (!share) return wait(std::move(request));
  connections_.push_back(std::make_unique<ProofConnection>(tools_.channel.poller, *request.context,
                                                           std::move(request.expected), request.nonce,
                                                           [this](ProofConnection& done) { on_done(done); }));
  connections_.back()->start(*server, offered->candidate.local, *share);
}

void Proofs::wait(Request request) {
  if (waiting_.size() < core::kMaxCandidates) waiting_.push_back(std::move(request));
}

void Proofs::try_waiting() {
  std::vector<Request> waiting;
  waiting.swap(waiting_);
  for (Request& each : waiting) {
    if (!outdated(each)) start(std::move(each));
  }
}

void Proofs::on_done(ProofConnection& done) {
  const auto at = std::ranges::find_if(connections_, [&](const auto& each) { return each.get() == &done; });
  tools_.room.give_back_proof(done.share());
  tools_.loop.retire(std::move(*at));
  connections_.erase(at);
  try_waiting();
}

void Proofs::drop() {
  for (const auto& each : connections_) tools_.room.give_back_proof(each->share());
  connections_.clear();
  waiting_.clear();
}

}  // namespace fairlead::agent
