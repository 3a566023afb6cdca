#pragma once
// What becomes of one mesh connection until it is relayed: which endpoint is tried next, how long for, whether a failed
// attempt may be repeated elsewhere, when to wait for an endpoint on its way back, and when to give up.
//
//   on_route -> Attempt --refused, unbelievable, no channel--> on_failed -> another endpoint's Attempt
//      ^           |                                              |        -> RouteAgain, where one may come back
//      |           +--silent, or its channel was dead--> on_silent|        -> GiveUp with the last reason
//      +-------------------------- RouteAgain --------------------+
//
// A value that moves between workers with its client. Pure: told time and randomness; it takes places at carriers and
// tells endpoints' loads, nothing else. MeshConnection carries it out; a simulator can as well.
#include <variant>
#include <vector>

#include "common/base/gauge.h"
#include "common/base/random.h"
#include "common/base/time.h"
#include "rendezvous/registry/routing.h"

namespace fairlead::rendezvous {

inline constexpr Duration kStartupGrace = 30s;  // after a start, agents are still on their way back
inline constexpr Duration kRouteAgain = 50ms;   // while an endpoint is on its way
inline constexpr int kMostRequests = 8;         // headers sent for one client
inline constexpr int kAnswerRtts = 3;           // an agent far away gets this many round trips at least

// The endpoint that is being tried: counted as its load and against its agent's limit until the attempt or the relay
// ends.
struct Attempt {
  EndpointPtr endpoint;
  GaugeToken place;

  Attempt() = default;
  Attempt(EndpointPtr chosen, GaugeToken token) : endpoint(std::move(chosen)), place(std::move(token)) {
    endpoint->load->on_started();
  }
  Attempt(Attempt&&) = default;
  Attempt& operator=(Attempt&& other) noexcept {
    std::swap(endpoint, other.endpoint);
    std::swap(place, other.place);
    return *this;
  }
  ~Attempt() {
    if (endpoint) endpoint->load->on_ended();
  }
};

class AttemptPlan {
 public:
  struct Times {
    Duration channel_wait;    // since it was accepted: no attempt begins later
    Duration answer_timeout;  // for a channel while other endpoints are left, and for an answer
    TimePoint agents_back;    // until then a name that is not there yet may still come
  };
  // Early data may have been taken by an endpoint that stayed silent: another one could take it again.
  enum class Repeat : std::uint8_t { anywhere, same_endpoint };

  struct RouteAgain {
    TimePoint at;
  };
  struct GiveUp {
    Reason reason;
  };
  using Step = std::variant<Attempt, RouteAgain, GiveUp>;

  AttemptPlan(const Times& times, TimePoint accepted, Repeat repeat)
      : times_(times), accepted_(accepted), repeat_(repeat) {}

  // What the name leads to now. Endpoints whose policy does not let this client in are no candidates: source_denied.
  Step on_route(const Route& route, const IpAddress& client, TimePoint now, Rng& rng);
  // The endpoint refused, brought no channel, or its session ended: it is not asked again for this client.
  Step on_failed(Attempt failed, Reason why, TimePoint now, Rng& rng);
  // What came back cannot be believed.
  Step on_unbelievable(Attempt failed, Reason why, TimePoint now, Rng& rng);
  // Nothing came back: another endpoint, or the same once more by another channel.
  Step on_silent(Attempt silent, TimePoint now, Rng& rng);

  void on_request_sent() { ++requests_; }
  // Until when to wait for a channel of the endpoint that is being tried, and for the answer on one.
  TimePoint channel_due(TimePoint now) const;
  TimePoint answer_due(TimePoint now, Duration rtt) const;

 private:
  Step next(TimePoint now, Rng& rng);
  bool is_over(TimePoint now) const { return now >= give_up_at() || requests_ >= kMostRequests; }
  bool may_return(Reason why_none) const;
  bool others_left() const { return tried_.size() + 1 < candidates_.size(); }
  TimePoint give_up_at() const { return accepted_ + times_.channel_wait; }

  Times times_;
  TimePoint accepted_;
  Repeat repeat_;
  std::vector<EndpointPtr> candidates_;        // of the route, those that let this client in
  std::vector<EndpointPtr> tried_;             // refused, or silent with others left
  int requests_ = 0;                           // headers sent
  Reason last_failure_ = Reason::no_endpoint;  // why the latest attempt came to nothing
};

}  // namespace fairlead::rendezvous
