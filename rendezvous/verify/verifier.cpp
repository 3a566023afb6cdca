#include "rendezvous/verify/verifier.h"

#include <algorithm>

#include "common/base/log.h"

namespace fairlead::rendezvous {
namespace {

constexpr std::size_t kMaxPast = 4 * core::kMaxCandidates;

DirectEndpoint::State state_of(const Candidate& candidate) {
  switch (candidate.state()) {
    case Candidate::State::live:
      return DirectEndpoint::State::live;
    case Candidate::State::unproved:
      return DirectEndpoint::State::verifying;
    case Candidate::State::denied:
      return DirectEndpoint::State::down;
    case Candidate::State::down:
      break;
  }
  const bool open = !candidate.checked() || candidate.coming_back();
  return open ? DirectEndpoint::State::verifying : DirectEndpoint::State::down;
}

std::string code_of(const Candidate& candidate) {
  const bool says = state_of(candidate) == DirectEndpoint::State::down;
  return says ? std::string(reason_code(candidate.reason())) : "";
}

}  // namespace

EndpointVerifier::EndpointVerifier(VerifierOwner& owner, const VerifyTools& tools,
                                   std::shared_ptr<AgentCarrier> session, IpAddress session_local)
    : owner_(owner),
      tools_(tools),
      session_(std::move(session)),
      session_local_(session_local),
      timer_([](void* self) { static_cast<EndpointVerifier*>(self)->run(); }, this) {}

EndpointVerifier::~EndpointVerifier() {
  while (!entries_.empty()) drop(entries_.begin());
}

void EndpointVerifier::offer(const wire::EndpointCandidate& offered) {
  const auto at = entries_.find(offered.candidate);
  if (at != entries_.end() && at->second.candidate.address() == offered.address &&
      at->second.candidate.state() != Candidate::State::denied) {
    at->second.candidate.on_offered_again(now());
    return run();
  }
  if (at != entries_.end()) drop(at);
  const auto made = entries_.try_emplace(offered.candidate, judge_offer(offered), net::wall_now()).first;
  Entry& entry = made->second;
  if (const auto past = needed_.find(offered.candidate); past != needed_.end()) entry.candidate.expect(past->second);
  if (entry.candidate.state() == Candidate::State::denied) {
    tools_.counters.refused.add(entry.candidate.reason());
    tell(made);
  } else if (entry.candidate.state() == Candidate::State::unproved) {
    entry.nonce.emplace();
    rng_.fill(*entry.nonce);
    tools_.shared.proofs.expect(*entry.nonce, session_->description().spiffe_id, owner_.proof_hook());
    owner_.on_proof_wanted({offered.candidate, *entry.nonce});
  }
  publish();
  run();
}

Candidate EndpointVerifier::judge_offer(const wire::EndpointCandidate& offered) {
  if (!may_dial(offered.address, tools_.shared.ground.now()->policy)) {
    return Candidate::denied(offered.address, offered.method, Reason::candidate_denied);
  }
  if (!tools_.shared.targets.admit(session_->description().spiffe_id, offered.address, now())) {
    return Candidate::denied(offered.address, offered.method, Reason::verify_targets_max);
  }
  const bool seen = offered.address.ip == session_->description().peer.ip ||
                    std::find(proved_.begin(), proved_.end(), offered.address.ip) != proved_.end();
  return seen ? Candidate::proved(offered.address, offered.method, now())
              : Candidate::unproved(offered.address, offered.method, now());
}

void EndpointVerifier::withdraw(std::uint32_t candidate) {
  const auto at = entries_.find(candidate);
  if (at == entries_.end()) return;
  drop(at);
  publish();
}

void EndpointVerifier::drop(Entries::iterator at) {
  Entry& entry = at->second;
  if (needed_.size() >= kMaxPast) needed_.clear();
  // Withdrawn while it was live: its agent knew before we did.
  const bool live = entry.candidate.state() == Candidate::State::live;
  needed_[at->first] = std::min(entry.candidate.needed() * (live ? 2 : 1), kNeededMost);
  if (entry.nonce) tools_.shared.proofs.forget(*entry.nonce);
  entries_.erase(at);  // with its dial, which must not answer for what comes under this number next
}

void EndpointVerifier::on_proof(const wire::Nonce& nonce, const IpAddress& from) {
  for (auto& [number, entry] : entries_) {
    if (entry.nonce != nonce) continue;
    entry.nonce.reset();
    if (from != entry.candidate.address().ip) return;  // from elsewhere: the candidate stays unproved until its time
    if (proved_.size() < core::kMaxCandidates) proved_.push_back(from);
    entry.candidate.on_proof(now());
    return run();
  }
}

// Does what is due, and comes back when the next thing is.
void EndpointVerifier::run() {
  TimePoint next = TimePoint::max();
  bool changed = false;
  for (auto at = entries_.begin(); at != entries_.end(); ++at) {
    Entry& entry = at->second;
    if (entry.candidate.on_time(now())) {
      if (entry.nonce) tools_.shared.proofs.forget(*entry.nonce);
      entry.nonce.reset();
      tools_.counters.refused.add(entry.candidate.reason());
      tell(at);
      changed = true;
    }
    if (const auto kind = entry.candidate.take_dial(now())) begin(at, *kind);
    if (const auto due = entry.candidate.deadline()) next = std::min(next, *due);
  }
  if (changed) publish();
  if (next != TimePoint::max()) tools_.poller.loop().timers().arm(timer_, next);
}

void EndpointVerifier::begin(Entries::iterator at, VerifyDial kind) {
  Entry& entry = at->second;
  const SocketAddress& address = entry.candidate.address();
  auto place = tools_.dials.take();
  auto target = place ? tools_.dials_per_target.take(address.ip) : std::nullopt;
  if (!target) {
    tools_.counters.refused.add(Reason::verify_busy);
    return entry.candidate.postpone(now(), rng_);
  }
  entry.target = std::move(*target);
  DialBackTarget to{.address = address,
                    .source = dial_source(address, session_local_, tools_.shared.ground.now()->sources),
                    .spiffe_id = session_->description().spiffe_id};
  rng_.fill(to.nonce);
  to.place = std::move(*place);
  entry.dial =
      std::make_unique<DialBack>(tools_.poller, tools_.context, kind, std::move(to), session_->keys(), rng_,
                                 [this, number = at->first, kind](bool reached) { on_dialed(number, kind, reached); });
  entry.dial->start();
}

void EndpointVerifier::on_dialed(std::uint32_t number, VerifyDial kind, bool reached) {
  const auto at = entries_.find(number);
  if (at == entries_.end()) return;
  Entry& entry = at->second;
  tools_.poller.loop().retire(std::move(entry.dial));
  entry.target = {};
  const bool changed = entry.candidate.on_dialed(kind, reached, timing(), now(), rng_);
  if (!reached) tools_.counters.refused.add(Reason::verify_failed);
  if (changed) entry.since = net::wall_now();
  // A repair that failed is told as well: the agent tries something else then.
  if (changed || !reached) tell(at);
  publish();
  run();
}

void EndpointVerifier::tell(Entries::iterator at) {
  const Candidate& candidate = at->second.candidate;
  const std::string code = code_of(candidate);
  log(code.empty() ? Level::info : Level::warn,
      code.empty() ? "direct endpoint verified" : "direct endpoint not reachable",
      {{"agent", session_->description().spiffe_id},
       {"address", candidate.address().to_string()},
       {"method", candidate.method()},
       {"reason", code}});
  owner_.on_judged(at->first, code);
}

// Told only when something is different: most dials say what the one before said.
void EndpointVerifier::publish() {
  std::vector<DirectEndpoint> all;
  for (const auto& [number, entry] : entries_) {
    const Candidate& candidate = entry.candidate;
    all.push_back({.address = candidate.address(),
                   .method = candidate.method(),
                   .state = state_of(candidate),
                   .since = entry.since,
                   .reason = code_of(candidate)});
  }
  if (all == published_) return;
  published_ = all;
  owner_.on_direct_changed(std::move(all));
}

}  // namespace fairlead::rendezvous
