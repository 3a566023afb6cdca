#include "rendezvous/relay/attempt_plan.h"

#include <algorithm>

#include "rendezvous/registry/load_balancer.h"
#include "rendezvous/relay/carrier.h"

namespace fairlead::rendezvous {

AttemptPlan::Step AttemptPlan::on_route(const Route& route, const IpAddress& client, TimePoint now, Rng& rng) {
  if (route.kind != Route::Kind::service) {
    const bool may_come = route.reason == Reason::unknown_name || route.reason == Reason::no_endpoint;
    const bool expected = now < times_.agents_back || route.expects_endpoint(now);
    if (!may_come || !expected || now >= give_up_at()) return GiveUp{route.reason};
    return RouteAgain{now + kRouteAgain};
  }
  candidates_.clear();
  for (const EndpointPtr& endpoint : route.candidates()) {
    if (endpoint->allows(client)) candidates_.push_back(endpoint);
  }
  if (candidates_.empty()) return GiveUp{Reason::source_denied};
  return next(now, rng);
}

AttemptPlan::Step AttemptPlan::on_failed(Attempt failed, Reason why, TimePoint now, Rng& rng) {
  last_failure_ = why;
  failed.endpoint->load->on_refused_or_silent(now, why);
  tried_.push_back(failed.endpoint);
  failed = Attempt();  // its place may be the last one of that agent
  return next(now, rng);
}

AttemptPlan::Step AttemptPlan::on_unbelievable(Attempt failed, Reason why, TimePoint now, Rng& rng) {
  if (repeat_ == Repeat::anywhere) return on_failed(std::move(failed), why, now, rng);
  failed.endpoint->load->on_refused_or_silent(now, why);
  return GiveUp{why};
}

AttemptPlan::Step AttemptPlan::on_silent(Attempt silent, TimePoint now, Rng& rng) {
  if (others_left() && repeat_ == Repeat::anywhere) return on_failed(std::move(silent), Reason::no_answer, now, rng);
  last_failure_ = Reason::no_answer;
  silent.endpoint->load->on_refused_or_silent(now, Reason::no_answer);
  if (is_over(now)) return GiveUp{Reason::no_answer};
  return silent;
}

// The next endpoint that may be tried and has a place left.
AttemptPlan::Step AttemptPlan::next(TimePoint now, Rng& rng) {
  if (is_over(now)) return GiveUp{last_failure_};
  std::vector<const Endpoint*> passed;
  for (const EndpointPtr& each : tried_) passed.push_back(each.get());
  Reason why_none = last_failure_;
  while (EndpointPtr endpoint = pick(candidates_, rng, now, passed)) {
    if (auto place = endpoint->carrier->take_place()) return Attempt(std::move(endpoint), std::move(*place));
    why_none = Reason::relays_per_agent;
    passed.push_back(endpoint.get());
  }
  if (may_return(why_none)) return RouteAgain{now + kRouteAgain};
  return GiveUp{why_none};
}

// Its session broke, or is being found broken.
bool AttemptPlan::may_return(Reason why_none) const {
  return (why_none == Reason::no_endpoint || why_none == Reason::no_answer) && repeat_ == Repeat::anywhere;
}

// An agent that brings no channel in the time of an answer may be gone: another endpoint is tried then.
TimePoint AttemptPlan::channel_due(TimePoint now) const {
  return others_left() ? std::min(now + times_.answer_timeout, give_up_at()) : give_up_at();
}

TimePoint AttemptPlan::answer_due(TimePoint now, Duration rtt) const {
  return now + std::max(times_.answer_timeout, rtt * kAnswerRtts);
}

}  // namespace fairlead::rendezvous
