#pragma once
// One mesh connection from the moment its name is known until it is relayed or turned away: route, policy, endpoint,
// channel, header, answer. What to do next is decided by AttemptPlan; this carries it out with sockets and timers.
// Lives on one relay worker, which owns it; when the channel that it gets is another worker's, it moves there as a
// MeshClient.
//
//   routing --an endpoint is expected--> routing (again, after kRouteAgain)
//    ^  | claims a channel of the endpoint that the plan picked
//    |  +--none ready--> waiting --channel--+
//    |  +--taken----------------------------+--> asking --accepted--> done (relayed)
//    |                      |                      |
//    +--session ended, late-+--refused, silent, dead+       turned away, moved: done
//
// Nothing of the client goes to a service before its agent proved, by the answer's MAC, that it got our header.
#include <memory>
#include <optional>

#include "common/base/random.h"
#include "common/net/poller.h"
#include "rendezvous/registry/routing.h"
#include "rendezvous/relay/carrier.h"
#include "rendezvous/relay/channel_request.h"
#include "rendezvous/relay/mesh_client.h"

namespace fairlead::rendezvous {

class MeshConnection;

// What a mesh connection needs of its worker, on the worker's thread, and where it ends up. The host outlives it.
class MeshHost {
 public:
  virtual ~MeshHost() = default;
  virtual net::Poller& poller() = 0;
  virtual Rng& rng() = 0;
  virtual const Snapshot& routes() = 0;  // valid until the next call
  virtual unsigned index() const = 0;    // the worker's: half of a WorkerItem
  // A channel of this worker that the connection has claimed; empty when it died meanwhile.
  virtual std::optional<ClaimedChannel> take_channel(std::uint64_t number) = 0;
  // One of the service's places; empty when all are taken.
  virtual tl::expected<ServiceRoom::Token, Reason> take_service_place(const std::string& service,
                                                                      const IpAddress& source) = 0;

  // Outcomes: exactly one, the last thing a connection does. The host hands the connection to loop.retire().
  struct Accepted {
    net::PolledFd client;
    net::PolledFd channel;
    Bytes from_service;      // what the service sent behind the agent's answer
    std::size_t sent_ahead;  // bytes of the client that went with the header
    MeshCaller who;
    Attempt attempt;
  };
  virtual void on_mesh_accepted(MeshConnection& connection, Accepted accepted) = 0;
  virtual void on_mesh_moves(MeshConnection& connection, MeshClient client, Attempt attempt, WorkerItem channel) = 0;
  virtual void on_mesh_turned_away(MeshConnection& connection, net::PolledFd client, MeshClient who, Reason reason) = 0;
};

class MeshConnection final : public net::PollTarget, public ChannelRequestOwner {
 public:
  MeshConnection(MeshHost& host, net::PolledFd fd, MeshClient client);
  // It arrived from another worker, with its descriptor.
  MeshConnection(MeshHost& host, MeshClient client);
  ~MeshConnection() override;

  void start();                                             // any outcome may follow at once
  void start_with(Attempt attempt, std::uint64_t channel);  // arrived from another worker with a channel of this one
  void on_channel_ready(WorkerItem channel);                // it was waiting, and this one is reserved for it
  void on_session_ended();                                  // it was waiting for that session
  void close(Reason reason) { turn_away(reason); }

  std::uint64_t number = 0;  // the worker's
  // Whether it waits for a channel: of any carrier, of this one.
  bool waiting() const { return state_ == State::waiting; }
  bool waits_for(const Carrier& carrier) const { return waiting() && attempt_.endpoint->carrier.get() == &carrier; }

 private:
  enum class State : std::uint8_t {
    routing,  // nothing is claimed: its name is looked up, now or again when the timer says so
    waiting,  // for a channel of attempt_'s carrier
    asking,   // the header is sent or being sent; the answer is due
    done,     // an outcome was told
  };

  void on_ready(net::Readiness ready) override;  // of the client's socket
  // ChannelRequestOwner
  void on_answer(const wire::ChannelAnswer& answer, Bytes from_service) override;
  void on_unbelievable_answer(Reason reason) override;
  void on_channel_dead() override;

  void enter(State next);
  void route();
  void follow(AttemptPlan::Step step);
  void claim();
  void ask(WorkerItem channel);
  void send_header(ClaimedChannel channel);
  void on_accepted(Bytes from_service);
  Attempt leave_attempt();
  void fail_attempt(Reason reason);
  void on_timer();
  void wait_until(TimePoint due);
  void turn_away(Reason reason);
  WorkerItem self() const { return {host_.index(), number}; }
  TimePoint now() const { return host_.poller().loop().now(); }
  Carrier& carrier() const { return *attempt_.endpoint->carrier; }

  MeshHost& host_;
  State state_ = State::routing;
  MeshClient client_;
  net::PolledFd client_fd_;
  Attempt attempt_;                        // while waiting and asking
  std::optional<ChannelRequest> request_;  // while asking
  core::TimerEntry timer_;
};

}  // namespace fairlead::rendezvous
