#pragma once
// One mesh connection from the moment its name is known until it is relayed or turned away: route, policy, endpoint,
// data channel, header, answer. Lives on one relay worker, which owns it; when the channel that it gets is another
// worker's, it moves there as a MeshClient.
//
//   routing --unknown name, server just started; endpoint lost a moment ago--> routing (again, until channel_wait)
//      | endpoint picked
//      v
//   waiting --channel--> asking --accepted--> (relay)
//      ^ session ended,     | refused, silent, channel dead
//      | other endpoint     v
//      +------------- next endpoint, or turned away with the last reason
//
// Nothing of the client goes to a service before its agent proved, by the answer's MAC, that it got our header.
#include <memory>
#include <optional>

#include "common/base/random.h"
#include "common/net/poller.h"
#include "rendezvous/registry/routing.h"
#include "rendezvous/relay/carrier.h"
#include "rendezvous/relay/ready_channel.h"
#include "rendezvous/relay/mesh_client.h"
#include "rendezvous/setting/config.h"

namespace fairlead::rendezvous {

class MeshConnection;
struct Shared;

// What a mesh connection needs of its worker, and where it ends up.
class MeshHost {
 public:
  virtual ~MeshHost() = default;
  virtual Shared& shared() = 0;
  virtual const Limits& limits() = 0;
  virtual net::Poller& poller() = 0;
  virtual Rng& rng() = 0;
  virtual const Snapshot& routes() = 0;
  virtual unsigned index() const = 0;
  // A claimed channel of this worker; null when it died meanwhile.
  virtual std::unique_ptr<ReadyChannel> take_channel(std::uint64_t number) = 0;

  // Outcomes; each is the last thing a connection does.
  struct Accepted {
    net::PolledFd client;
    net::PolledFd channel;
    Bytes from_service;  // what the service sent behind the agent's answer
    MeshClient who;      // without its descriptor
    Attempt attempt;
  };
  virtual void on_mesh_accepted(MeshConnection& connection, Accepted accepted) = 0;
  virtual void on_mesh_moves(MeshConnection& connection, MeshClient client, Attempt attempt, WorkerItem channel) = 0;
  virtual void on_mesh_turned_away(MeshConnection& connection, net::PolledFd client, MeshClient who, Reason reason) = 0;
};

class MeshConnection {
 public:
  MeshConnection(MeshHost& host, net::PolledFd fd, MeshClient client);
  // It arrived from another worker, with its descriptor.
  MeshConnection(MeshHost& host, MeshClient client);
  ~MeshConnection();

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
  enum class State {
    routing,  // the name has no endpoint now, and one is expected
    waiting,  // for a data channel of attempt_'s session
    asking,   // header sent or being sent; the agent's answer is due
    done,     // an outcome was told
  };
  struct Side final : net::PollTarget {
    using Handler = void (MeshConnection::*)(net::Readiness);
    Side(MeshConnection& owner, Handler on_event) : self(owner), handler(on_event) {}
    void on_ready(net::Readiness ready) override { (self.*handler)(ready); }
    MeshConnection& self;
    Handler handler;
  };

  void enter(State next);
  void route();
  void try_next();
  EndpointPtr pick_endpoint(Reason& why_none);
  bool may_return(Reason why_none) const;
  void wait_for_return();
  void wait_until(TimePoint due);
  void claim();
  void ask(WorkerItem channel);
  void send_header(ReadyChannel& channel);
  void on_client_event(net::Readiness ready);
  void on_channel_event(net::Readiness ready);
  void flush_header();
  void read_answer();
  void on_answer(const wire::ChannelAnswer& answer, std::size_t consumed);
  void on_no_answer();
  void attempt_failed(Reason reason);
  bool may_repeat() const;
  void drop_channel();
  void on_timer();
  void turn_away(Reason reason);
  bool starting_up() const;
  TimePoint now() const;
  TimePoint give_up_at() const;

  MeshHost& host_;
  State state_ = State::routing;
  MeshClient client_;
  Side client_side_;
  Side channel_side_;
  net::PolledFd client_fd_;
  std::vector<EndpointPtr> candidates_;  // of the route, those whose policy lets this client in
  Attempt attempt_;
  net::PolledFd channel_fd_;  // while asking
  Bytes header_;              // header and ClientHello; header_sent_ of it are on their way
  std::size_t header_sent_ = 0;
  wire::Mac header_mac_{};
  Bytes answer_;
  core::TimerEntry timer_;
};

}  // namespace fairlead::rendezvous
