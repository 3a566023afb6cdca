#pragma once
// The rendezvous process of the simulation: the product's own decisions (Registry, Entrance, AgentCarrier, AttemptPlan,
// ServerSession) joined as the rendezvous joins them. What threads tell each other there is posted here, too: it runs
// later, at the same virtual time. Only sockets, TLS and more than one worker are missing.
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/core/server_session.h"
#include "rendezvous/control/entrance.h"
#include "rendezvous/relay/agent_carrier.h"
#include "rendezvous/relay/attempt_plan.h"
#include "rendezvous/relay/session_directory.h"
#include "tests/sim/context.h"

namespace fairlead::sim {

inline constexpr Duration kChannelWait = 10s;

enum class Outcome { pending, delivered, refused, lost };

// A mesh client's connection.
struct Client {
  wire::ConnectionId id{};
  std::string service;  // SERVICE.CLUSTER
  Bytes hello;
  TimePoint started;
  TimePoint limit;  // when it must have an outcome
  Duration hold{};  // how long it keeps its relay
  Outcome outcome = Outcome::pending;
  Reason reason = Reason::completed;
};
using ClientPtr = std::shared_ptr<Client>;

class SimServer : rendezvous::EntranceAnswers {
 public:
  explicit SimServer(Context& context);
  ~SimServer() override;  // all its connections are reset
  SimServer(const SimServer&) = delete;
  SimServer& operator=(const SimServer&) = delete;

  void accept(ConnectionPtr connection);
  void connect(const ClientPtr& client);
  void check() const;
  // No client waits or is relayed, each pool is as full as it should be, and no other channel is open. Somebody may be
  // at the door: a clone comes again and again.
  bool at_rest() const;
  std::size_t ready() const;

 private:
  using CarrierPtr = std::shared_ptr<rendezvous::AgentCarrier>;
  struct Session {
    explicit Session(TimePoint now) : core(now) {}
    core::ServerSession core;
    ConnectionPtr control;
    CarrierPtr carrier;  // since its hello
    TimePoint hello_at{};
    bool admitted = false;
    bool over = false;
    TimePoint woken_at = TimePoint::max();
  };
  using SessionPtr = std::shared_ptr<Session>;

  enum class ChannelState { opened, ready, asked, relaying };
  struct Channel {
    ConnectionPtr connection;
    ChannelState state = ChannelState::opened;
    Bytes in;
    std::uint64_t counter = 0;  // of its ticket
    CarrierPtr carrier;         // null while opened
    std::uint64_t caller = 0;   // while asked
    wire::Mac header_mac{};
  };
  using ChannelPtr = std::shared_ptr<Channel>;

  // A client on its way, as a MeshConnection is.
  enum class CallerState { routing, waiting, asking };
  struct Caller {
    ClientPtr client;
    rendezvous::AttemptPlan plan;
    std::uint64_t number;
    CallerState state = CallerState::routing;
    rendezvous::Attempt attempt;
    ChannelPtr channel;  // while asking
    TimePoint due{};
  };
  using CallerPtr = std::shared_ptr<Caller>;

  template <class F>
  auto guarded(F what) {
    return [what = std::move(what), alive = std::weak_ptr<int>(alive_)](auto&&... args) {
      if (!alive.expired()) what(std::forward<decltype(args)>(args)...);
    };
  }
  template <class F>
  void post(F what) {
    context_.scheduler.after(0s, guarded(std::move(what)));
  }
  rendezvous::Moment moment() const { return {context_.now(), {}}; }

  // Control: sessions and the registry.
  void on_admitted(const rendezvous::SessionClaim& claim) override;
  void on_refused(const rendezvous::SessionClaim& claim, const rendezvous::Refused& why) override;
  void probe(const rendezvous::Carrier& held) override;
  void on_superseded(const rendezvous::Carrier& old) override;
  void accept_control(const ConnectionPtr& connection);
  void settle(const SessionPtr& session);
  void on_event(const SessionPtr& session, core::ServerEvent& event);
  void on_hello(const SessionPtr& session, const wire::Hello& hello);
  void on_register(const SessionPtr& session, const wire::Register& request);
  void welcome(const SessionPtr& session);
  void refuse(const SessionPtr& session, Reason reason, Duration retry_after);
  void on_demand(const SessionPtr& session);
  void wake_later(const SessionPtr& session);
  void on_time(const SessionPtr& session);
  void end(SessionPtr session);
  void publish_soon(std::function<void()> when_visible = {});
  SessionPtr session_of(const rendezvous::Carrier& carrier) const;

  // Worker: data channels.
  void accept_data(const ConnectionPtr& connection);
  void on_data(const ChannelPtr& channel, ByteView bytes);
  void on_ticket(const ChannelPtr& channel);
  void on_answer(const ChannelPtr& channel);
  void relay(const ChannelPtr& channel, const CallerPtr& caller);
  void on_channel_closed(const ChannelPtr& channel);
  void close(ChannelPtr channel);

  // Worker: clients.
  void route(const CallerPtr& caller);
  void follow(const CallerPtr& caller, rendezvous::AttemptPlan::Step step);
  void claim(const CallerPtr& caller);
  void ask(const CallerPtr& caller, const ChannelPtr& channel);
  void wait_until(const CallerPtr& caller, TimePoint due);
  void on_time(const CallerPtr& caller);
  void on_channel_dead(const CallerPtr& caller);
  void on_unbelievable(const CallerPtr& caller, Reason why);
  void fail_attempt(const CallerPtr& caller, Reason why);
  rendezvous::Attempt leave_attempt(const CallerPtr& caller);
  void finish(const CallerPtr& caller, Outcome outcome, Reason reason);
  static rendezvous::WorkerItem item(std::uint64_t number) { return {0, number}; }

  Context& context_;
  rendezvous::Registry registry_;
  rendezvous::Entrance entrance_{registry_, *this};
  rendezvous::SessionDirectory directory_;
  std::shared_ptr<const rendezvous::Snapshot> snapshot_;
  std::vector<std::function<void()>> when_visible_;
  bool publishing_ = false;
  std::vector<SessionPtr> sessions_;
  std::map<std::uint64_t, ChannelPtr> channels_;  // by their connections' numbers
  // A copy: whoever is finished leaves the map under the hands of who called.
  CallerPtr caller_of(std::uint64_t number) const { return callers_.at(number); }
  std::map<std::uint64_t, CallerPtr> callers_;
  std::uint64_t last_caller_ = 0;
  const TimePoint started_;
  std::shared_ptr<int> alive_ = std::make_shared<int>();
};

}  // namespace fairlead::sim
