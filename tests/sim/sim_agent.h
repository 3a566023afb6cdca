#pragma once
// An agent process of the simulation: core::AgentSession, ChannelDialer and ChannelKeys joined as the agent joins them,
// with services that answer, refuse or stay silent.
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/core/agent_session.h"
#include "common/core/channel_dialer.h"
#include "common/core/channel_keys.h"
#include "tests/sim/context.h"

namespace fairlead::sim {

struct AgentSettings {
  std::string endpoint;
  std::vector<std::string> services;
  std::uint16_t pool_min = 1;
  std::uint16_t pool_max = 4;
};

class SimAgent {
 public:
  SimAgent(Context& context, const Host& host, AgentSettings settings);
  ~SimAgent();
  SimAgent(const SimAgent&) = delete;
  SimAgent& operator=(const SimAgent&) = delete;

  void start() { connect(); }
  // How the process ends: connections are closed by its kernel, or its machine is gone without a word.
  void stop();
  void crash();
  void be_silent_until(TimePoint until) { silent_until_ = until; }
  void probe();

  bool serving() const { return session_ && registered_ == settings_.services.size(); }
  std::size_t bound() const;
  std::size_t unbound() const { return channels_.size() - bound(); }
  void check() const;
  unsigned refuses_percent = 0;

 private:
  struct Channel {
    ConnectionPtr connection;
    std::uint64_t counter = 0;
    std::uint64_t epoch = 0;
    core::ChannelKeys keys;
    Bytes in;
    bool bound = false;
  };
  using ChannelPtr = std::shared_ptr<Channel>;

  // Runs `what` later unless this process has ended.
  template <class F>
  auto guarded(F what) {
    return [what = std::move(what), alive = std::weak_ptr<int>(alive_)](auto&&... args) {
      if (!alive.expired()) what(std::forward<decltype(args)>(args)...);
    };
  }
  void connect();
  void dial(Purpose purpose, std::function<void(ConnectionPtr)> then);
  void on_control(ConnectionPtr connection);
  void settle();
  void on_event(core::AgentEvent& event);
  void end_session(Duration retry_after);
  void open_channels();
  void on_dialled(ConnectionPtr connection, std::uint64_t epoch);
  void on_data(const ChannelPtr& channel, ByteView bytes);
  void on_header(const ChannelPtr& channel, const wire::Signed<wire::ChannelHeader>& header, std::size_t size);
  void serve(const ChannelPtr& channel, const wire::ChannelHeader& header, const wire::Mac& mac, ByteView hello);
  void drop(ChannelPtr channel);
  void on_channel_closed(const ChannelPtr& channel);

  Context& context_;
  const Host& host_;
  AgentSettings settings_;
  wire::BootId boot_id_{};
  std::uint64_t counter_ = 0;
  std::uint64_t epoch_ = 0;  // of sessions: what belongs to an older one is stale
  ConnectionPtr control_;
  std::unique_ptr<core::AgentSession> session_;
  std::optional<core::ChannelKeys> keys_;
  std::optional<core::ChannelDialer> dialer_;
  std::uint64_t next_ticket_ = 0;
  std::size_t registered_ = 0;
  Backoff backoff_{BackoffLimits{}};
  std::map<std::uint64_t, ChannelPtr> channels_;
  TimePoint silent_until_{};
  std::shared_ptr<int> alive_ = std::make_shared<int>();
};

}  // namespace fairlead::sim
