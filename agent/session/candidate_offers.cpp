#include "agent/session/candidate_offers.h"

#include <algorithm>

namespace fairlead::agent {
namespace {

bool has_number(const std::vector<nat::Candidate>& list, std::uint32_t number) {
  return std::any_of(list.begin(), list.end(), [&](const auto& each) { return each.number == number; });
}

}  // namespace

void CandidateOffers::update(const std::vector<nat::Candidate>& wanted, core::AgentSession& session) {
  std::erase_if(offered_, [&](const Offered& each) {
    if (has_number(wanted, each.candidate.number)) return false;
    session.withdraw(each.candidate.number, Reason::network_changed);
    return true;
  });
  for (const nat::Candidate& candidate : wanted) {
    const auto at = std::find_if(offered_.begin(), offered_.end(),
                                 [&](const Offered& each) { return each.candidate.number == candidate.number; });
    const bool known = at != offered_.end();
    if (known && at->candidate == candidate && (!at->verdict || at->live())) continue;
    if (!known && offered_.size() >= core::kMaxCandidates) continue;
    if (!known) {
      offered_.push_back({candidate, std::nullopt, {}});
    } else if (at->candidate != candidate) {
      *at = {candidate, std::nullopt, {}};
    }
    session.offer({candidate.number, candidate.external, candidate.method});
  }
}

bool CandidateOffers::on_judged(std::uint32_t number, const std::string& code, WallTime now) {
  for (Offered& each : offered_) {
    if (each.candidate.number != number) continue;
    const bool news = each.verdict != code;
    if (news) each.since = now;
    each.verdict = code;
    return news;
  }
  return false;
}

const Offered* CandidateOffers::find(std::uint32_t number) const {
  const auto at = std::find_if(offered_.begin(), offered_.end(),
                               [&](const Offered& each) { return each.candidate.number == number; });
  return at == offered_.end() ? nullptr : &*at;
}

const Offered* CandidateOffers::first_live() const {
  const auto at = std::find_if(offered_.begin(), offered_.end(), [](const Offered& each) { return each.live(); });
  return at == offered_.end() ? nullptr : &*at;
}

}  // namespace fairlead::agent
