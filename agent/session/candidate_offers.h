#pragma once
// The candidates that one session has offered its rendezvous, and what came of each. Keeps the rendezvous's list equal
// to the port mapper's; one loop, owned by the RendezvousLink for the time of a session.
#include <optional>
#include <string>
#include <vector>

#include "agent/nat/candidate.h"
#include "common/core/agent_session.h"

namespace fairlead::agent {

struct Offered {
  nat::Candidate candidate;
  std::optional<std::string> verdict;  // empty text: reachable and published; a reason code: not
  WallTime since{};                    // of the verdict
  bool live() const { return verdict && verdict->empty(); }
};

class CandidateOffers {
 public:
  // Offers what is new, changed or was judged unreachable (it may have been repaired), withdraws what is gone.
  void update(const std::vector<nat::Candidate>& wanted, core::AgentSession& session);
  // False: not one of ours, or the verdict is what it was.
  bool on_judged(std::uint32_t number, const std::string& code, WallTime now);
  void clear() { offered_.clear(); }

  const Offered* find(std::uint32_t number) const;
  const Offered* first_live() const;
  const std::vector<Offered>& all() const { return offered_; }

 private:
  std::vector<Offered> offered_;
};

}  // namespace fairlead::agent
