#pragma once
// The rendezvous process of the simulation: core::ServerSession, PoolTarget, TicketWindow, ChannelKeys and the takeover
// rule joined as the rendezvous joins them, with a registry of the simplest kind.
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/core/channel_keys.h"
#include "common/core/pool_target.h"
#include "common/core/server_session.h"
#include "common/core/takeover.h"
#include "common/core/ticket_window.h"
#include "tests/sim/context.h"

namespace fairlead::sim {

inline constexpr Duration kChannelWait = 10s;
inline constexpr int kMaxAttempts = 3;

enum class Outcome { pending, delivered, refused, lost };

// A mesh client's connection.
struct Client {
  wire::ConnectionId id{};
  std::string service;
  Bytes hello;
  TimePoint started;
  TimePoint limit;  // when it must have an outcome
  Duration hold{};  // how long it keeps its relay
  int attempts = 0;
  Outcome outcome = Outcome::pending;
  Reason reason = Reason::completed;
};
using ClientPtr = std::shared_ptr<Client>;

class SimServer {
 public:
  explicit SimServer(Context& context);
  ~SimServer();  // all its connections are reset
  SimServer(const SimServer&) = delete;
  SimServer& operator=(const SimServer&) = delete;

  void accept(ConnectionPtr connection);
  void connect(const ClientPtr& client);
  void check() const;
  bool at_rest()
      const;  // no client waits or is relayed, each pool is as full as it should be, and no other channel is open
  std::size_t ready() const;

 private:
  struct Session;
  using SessionPtr = std::shared_ptr<Session>;
  enum class ChannelState { opened, ready, taken, relaying };
  struct Channel {
    ConnectionPtr connection;
    ChannelState state = ChannelState::opened;
    Bytes in;
    TimePoint deadline;  // opened: of the ticket; taken: of the answer
    std::uint64_t counter = 0;
    SessionPtr session;  // null while opened
    ClientPtr client;    // null until taken
    wire::Mac header_mac{};
  };
  using ChannelPtr = std::shared_ptr<Channel>;
  struct Session {
    explicit Session(TimePoint now) : core(now) {}
    core::ServerSession core;
    ConnectionPtr control;
    core::SessionGeneration claim;
    std::string name;  // identity and endpoint
    core::PoolLimits wish;
    wire::SessionId id{};
    std::optional<core::ChannelKeys> keys;  // once admitted
    std::optional<core::PoolTarget> pool;   // once admitted
    core::TicketWindow window;
    std::deque<ChannelPtr> ready;
    std::deque<ClientPtr> waiting;
    std::vector<SessionPtr> challengers;  // of another boot, while this one is probed
    Duration rtt{};
    bool over = false;
  };

  template <class F>
  auto guarded(F what) {
    return [what = std::move(what), alive = std::weak_ptr<int>(alive_)](auto&&... args) {
      if (!alive.expired()) what(std::forward<decltype(args)>(args)...);
    };
  }
  void accept_control(const ConnectionPtr& connection);
  void settle();
  void on_event(const SessionPtr& session, core::ServerEvent& event);
  void on_time(const SessionPtr& session);
  void flush(const SessionPtr& session);
  void wake_later();
  void admit(const SessionPtr& session);
  void welcome(const SessionPtr& session);
  void take_over(SessionPtr old);
  void end(SessionPtr session);

  void on_data(const ChannelPtr& channel, ByteView bytes);
  void on_ticket(const ChannelPtr& channel);
  void on_answer(const ChannelPtr& channel);
  void on_channel_closed(const ChannelPtr& channel);
  void close(ChannelPtr channel);
  void take(const ClientPtr& client);
  void hand_over(const SessionPtr& session, const ClientPtr& client);
  void try_next(const ChannelPtr& channel);
  void finish(const ClientPtr& client, Outcome outcome, Reason reason);

  Context& context_;
  std::vector<SessionPtr> sessions_;
  std::map<std::string, SessionPtr> names_;
  std::map<std::string, SessionPtr> services_;
  std::map<std::uint64_t, ChannelPtr> channels_;
  TimePoint next_wake_ = TimePoint::max();
  std::shared_ptr<int> alive_ = std::make_shared<int>();
};

}  // namespace fairlead::sim
