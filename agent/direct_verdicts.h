#pragma once
// What the rendezvous servers say of the addresses that this host found, across servers and sessions: the last verdict
// on each, and when a verdict that may change is asked for once more. A session's own CandidateOffers say what stands
// now and go with it; what is remembered here outlives them. Pure, the time as an argument; owned by the DirectPath.
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "agent/probe/report.h"
#include "agent/session/candidate_offers.h"

namespace fairlead::agent {

inline constexpr Duration kProveAgain = 1min, kProveAgainMost = 10min;
inline constexpr Duration kOfferAgain = 1s;  // to a server that had no time

class DirectVerdicts {
 public:
  using Offers = std::span<const CandidateOffers* const>;  // one for each server

  struct Judged {
    bool live = false;         // with any server
    bool unreachable = false;  // no server reaches it, all were asked, and the mapping is to blame
  };
  // `code` came for this candidate; `offers` have it already.
  Judged on_judged(const nat::Candidate& candidate, const std::string& code, Offers offers);
  bool was_live(std::uint32_t number) const;  // by the last verdict
  void on_network_changed();                  // what failed there says nothing of here

  // As it stands with all servers, for reports. What was tried in vain is a finding, also while its mapping is given up
  // or tried at another port.
  std::vector<CandidateFacts> facts(const std::vector<nat::Candidate>& candidates, Offers offers) const;
  static bool all_known(const std::vector<nat::Candidate>& candidates, Offers offers);

  // A server that had no time is asked again, and so is one to whom a proof failed, as when our address was new: ever
  // less often. After each change of the offers:
  void plan(TimePoint now, Offers offers);
  std::optional<TimePoint> deadline(Offers offers) const;
  // By server: whether its candidates are to be offered again now.
  std::vector<bool> take_due(TimePoint now, Offers offers);

 private:
  std::map<std::uint32_t, CandidateFacts> last_;  // by the candidate's number
  TimePoint busy_again_at_;                       // while a server had no time
  std::optional<TimePoint> prove_again_at_;       // while a proof failed
  Duration prove_wait_ = kProveAgain;
};

}  // namespace fairlead::agent
