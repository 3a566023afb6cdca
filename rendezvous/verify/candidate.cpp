#include "rendezvous/verify/candidate.h"

#include <algorithm>

#include "common/base/check.h"

namespace fairlead::rendezvous {
namespace {

constexpr Duration kBusyPause = 500ms;

// Agents that came together must not be dialled together for ever.
Duration about(Duration wait, Rng& rng) {
  const auto fifth = static_cast<std::uint64_t>(wait.count() / 5);
  return wait - wait / 10 + Duration(static_cast<Duration::rep>(rng.below(std::max<std::uint64_t>(fifth, 1))));
}

}  // namespace

Candidate Candidate::proved(SocketAddress address, std::string method, TimePoint now) {
  Candidate candidate(address, std::move(method));
  candidate.next_full_ = now;
  return candidate;
}

Candidate Candidate::unproved(SocketAddress address, std::string method, TimePoint now) {
  Candidate candidate(address, std::move(method));
  candidate.state_ = State::unproved;
  candidate.reason_ = Reason::candidate_unproved;
  candidate.proof_deadline_ = now + kProofPatience;
  candidate.next_full_ = TimePoint::max();
  return candidate;
}

Candidate Candidate::denied(SocketAddress address, std::string method, Reason why) {
  Candidate candidate(address, std::move(method));
  candidate.state_ = State::denied;
  candidate.reason_ = why;
  candidate.next_full_ = TimePoint::max();
  return candidate;
}

std::optional<VerifyDial> Candidate::take_dial(TimePoint now) {
  if (dialing_ || (state_ != State::down && state_ != State::live)) return std::nullopt;
  if (now >= next_full_) {
    dialing_ = true;
    return VerifyDial::full;
  }
  if (state_ == State::live && now >= next_probe_) {
    dialing_ = true;
    return VerifyDial::liveness;
  }
  return std::nullopt;
}

void Candidate::postpone(TimePoint now, Rng& rng) {
  CHECK(dialing_);
  dialing_ = false;
  const TimePoint later = now + about(kBusyPause, rng);
  if (next_full_ <= now) next_full_ = later;
  if (next_probe_ <= now) next_probe_ = later;
}

bool Candidate::on_dialed(VerifyDial dial, bool reached, const VerifyTiming& timing, TimePoint now, Rng& rng) {
  CHECK(dialing_);
  dialing_ = false;
  checked_ = true;
  if (!reached) return lose(timing, now, rng);
  failures_ = 0;
  next_probe_ = now + about(timing.probe, rng);
  if (state_ == State::live) {
    if (dial == VerifyDial::full) next_full_ = now + about(timing.full, rng);
    if (now - live_since_ >= kSteadyFor) needed_ = 1;
    return false;
  }
  if (++reached_ < needed_) {
    next_full_ = next_probe_;
    return false;
  }
  state_ = State::live;
  live_since_ = now;
  next_full_ = now + about(timing.full, rng);
  return true;
}

bool Candidate::lose(const VerifyTiming& timing, TimePoint now, Rng& rng) {
  const bool was_live = state_ == State::live;
  if (was_live) needed_ = std::min(needed_ * 2, kNeededMost);
  state_ = State::down;
  reason_ = Reason::verify_failed;
  reached_ = 0;
  next_probe_ = TimePoint::max();
  // The agent repairs and offers again; this is for those who do not know that they are reachable again.
  const int doublings = std::min(failures_++, 10);
  next_full_ = now + about(std::min(timing.probe * (1 << doublings), timing.full), rng);
  return was_live;
}

void Candidate::on_proof(TimePoint now) {
  if (state_ != State::unproved) return;
  state_ = State::down;
  reason_ = Reason::verify_failed;
  proof_deadline_ = TimePoint::max();
  next_full_ = now;
}

bool Candidate::on_time(TimePoint now) {
  if (state_ != State::unproved || now < proof_deadline_) return false;
  state_ = State::denied;
  proof_deadline_ = TimePoint::max();
  return true;
}

void Candidate::on_offered_again(TimePoint now) {
  if (state_ != State::down && state_ != State::live) return;
  failures_ = 0;
  next_full_ = now;
}

std::optional<TimePoint> Candidate::deadline() const {
  if (state_ == State::unproved) return proof_deadline_;
  if (dialing_ || state_ == State::denied) return std::nullopt;
  return std::min(next_full_, next_probe_);
}

}  // namespace fairlead::rendezvous
