#include "agent/direct_verdicts.h"

#include <algorithm>

namespace fairlead::agent {
namespace {

using Offers = DirectVerdicts::Offers;

CandidateFacts facts_of(const nat::Candidate& candidate, Offers offers) {
  CandidateFacts out{.candidate = candidate, .live = false, .code = std::nullopt};
  for (const CandidateOffers* each : offers) {
    const Offered* offered = each->find(candidate.number);
    if (offered == nullptr || !offered->verdict) continue;
    if (offered->live()) return {.candidate = candidate, .live = true, .code = ""};
    out.code = offered->verdict;
  }
  return out;
}

bool any_verdict(const CandidateOffers& offers, Reason reason) {
  return std::ranges::any_of(offers.all(), [&](const Offered& each) { return each.verdict == reason_code(reason); });
}

bool any_verdict(Offers offers, Reason reason) {
  return std::ranges::any_of(offers, [&](const CandidateOffers* each) { return any_verdict(*each, reason); });
}

// By every server that it was offered to.
bool all_judged(std::uint32_t number, Offers offers) {
  return std::ranges::all_of(offers, [&](const CandidateOffers* each) {
    const Offered* offered = each->find(number);
    return offered == nullptr || offered->verdict;
  });
}

// Some codes say nothing of the mapping.
bool blames_mapping(const std::string& code) {
  return code == reason_code(Reason::verify_failed) || code == reason_code(Reason::candidate_unproved);
}

}  // namespace

DirectVerdicts::Judged DirectVerdicts::on_judged(const nat::Candidate& candidate, const std::string& code,
                                                 Offers offers) {
  const CandidateFacts& now = last_[candidate.number] = facts_of(candidate, offers);
  if (now.live) return {.live = true};
  // Others may reach what one server cannot.
  return {.unreachable = blames_mapping(code) && all_judged(candidate.number, offers)};
}

bool DirectVerdicts::was_live(std::uint32_t number) const {
  const auto at = last_.find(number);
  return at != last_.end() && at->second.live;
}

void DirectVerdicts::on_network_changed() {
  std::erase_if(last_, [](const auto& each) { return !each.second.live; });
}

std::vector<CandidateFacts> DirectVerdicts::facts(const std::vector<nat::Candidate>& candidates, Offers offers) const {
  std::vector<CandidateFacts> out;
  for (const nat::Candidate& each : candidates) out.push_back(facts_of(each, offers));
  for (const auto& [number, last] : last_) {
    if (last.live) continue;
    const auto same =
        std::ranges::find_if(out, [&](const CandidateFacts& each) { return each.candidate.number == number; });
    if (same == out.end()) {
      out.push_back(last);
    } else if (!same->code) {
      same->code = last.code;
    }
  }
  return out;
}

bool DirectVerdicts::all_known(const std::vector<nat::Candidate>& candidates, Offers offers) {
  return std::ranges::all_of(candidates, [&](const auto& each) { return facts_of(each, offers).code.has_value(); });
}

void DirectVerdicts::plan(TimePoint now, Offers offers) {
  if (any_verdict(offers, Reason::verify_busy)) busy_again_at_ = now + kOfferAgain;
  if (!any_verdict(offers, Reason::candidate_unproved)) {
    prove_again_at_.reset();
    prove_wait_ = kProveAgain;
  } else if (!prove_again_at_) {
    prove_again_at_ = now + prove_wait_;
  }
}

std::optional<TimePoint> DirectVerdicts::deadline(Offers offers) const {
  if (!any_verdict(offers, Reason::verify_busy)) return prove_again_at_;
  return prove_again_at_ ? std::min(busy_again_at_, *prove_again_at_) : busy_again_at_;
}

std::vector<bool> DirectVerdicts::take_due(TimePoint now, Offers offers) {
  const bool busy = now >= busy_again_at_;
  const bool prove = prove_again_at_ && now >= *prove_again_at_;
  if (busy) busy_again_at_ = now + kOfferAgain;
  if (prove) {
    prove_wait_ = std::min(prove_wait_ * 2, kProveAgainMost);
    prove_again_at_ = now + prove_wait_;
  }
  std::vector<bool> out;
  for (const CandidateOffers* each : offers) {
    out.push_back((busy && any_verdict(*each, Reason::verify_busy)) ||
                  (prove && any_verdict(*each, Reason::candidate_unproved)));
  }
  return out;
}

}  // namespace fairlead::agent
