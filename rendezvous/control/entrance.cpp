#include "rendezvous/control/entrance.h"

#include "common/core/overloaded.h"

namespace fairlead::rendezvous {

void Entrance::on_hello(const SessionClaim& claim, Moment now) {
  settle(claim, registry_.admit(claim, now));
}

void Entrance::settle(const SessionClaim& claim, const Admission& admission) {
  std::visit(core::Overloaded{
                 [&](const Admitted&) { answers_.on_admitted(claim); },
                 [&](const Refused& why) { answers_.on_refused(claim, why); },
                 [&](const ProbeOld& probe) {
                   Waiting& waiting = waiting_[probe.held.get()];
                   waiting.push_back(claim);
                   if (waiting.size() == 1) answers_.probe(*probe.held);
                 },
                 [&](const TookOver& took) {
                   answers_.on_superseded(*took.old);
                   answers_.on_admitted(claim);
                 },
             },
             admission);
}

void Entrance::on_probe_answered(const std::shared_ptr<Carrier>& session, Moment now) {
  on_probe_result(session, ProbeOutcome::answered, now);
}

void Entrance::on_probe_result(const std::shared_ptr<Carrier>& session, ProbeOutcome outcome, Moment now) {
  const auto at = waiting_.find(session.get());
  if (at == waiting_.end()) return;
  const Waiting waiting = std::move(at->second);
  waiting_.erase(at);
  for (const SessionClaim& claim : waiting) {
    if (claim.session->ended()) continue;  // its connection broke while it waited
    settle(claim, registry_.admit_probed(claim, session, outcome, now));
  }
}

bool Entrance::on_closed(const std::shared_ptr<Carrier>& session, Moment now) {
  on_probe_result(session, ProbeOutcome::silent, now);
  return registry_.close_session(*session, now.steady);
}

}  // namespace fairlead::rendezvous
