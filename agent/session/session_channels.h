#pragma once
// The data channels of one session with one rendezvous: dials what the rendezvous asks for, within pool.max and the
// dial rate, and keeps each until its mesh connection ends. When the session ends, its idle channels go; live relays
// stay until they are done. One loop; owned by its RendezvousLink, and by the agent once the session is over.
#include <functional>
#include <map>
#include <memory>

#include "agent/resource/agent_tools.h"
#include "agent/session/data_channel.h"
#include "common/core/channel_dialer.h"
#include "common/core/end_words.h"
#include "common/wire/control_message.h"

namespace fairlead::agent {

class SessionChannels final : public ChannelOwner {
 public:
  // Tells the rendezvous why a relay ended, which it cannot see; not called once retired.
  using TellEnded = std::function<void(const wire::ConnectionId&, Reason)>;

  SessionChannels(AgentTools& tools, const wire::Welcome& welcome, SocketAddress data_address,
                  TellEnded tell_ended = {});
  ~SessionChannels() override;

  void open(std::uint16_t count);
  // The rendezvous's word for how a relay ended (core/end_words.h).
  void on_relay_ended_there(const wire::ConnectionId& connection, Reason reason) {
    words_.put(connection, reason, tools_.loop.now());
  }
  // The session has ended: nothing is dialled any more, and what carries no mesh connection closes. `on_empty` is
  // called once the last one has ended, never from within this call.
  void retire(Reason reason, std::function<void()> on_empty);
  void close_all(Reason reason);
  std::shared_ptr<const core::ChannelKeys> keys() const { return keys_; }
  bool empty() const { return channels_.empty(); }
  void keep_alive(Duration idle);  // live relays
  std::size_t ready() const { return dialer_.ready(); }
  std::size_t busy() const;

 private:
  void on_channel_ready(DataChannel& channel) override;
  void on_channel_bound(DataChannel& channel) override;
  const ServiceConfig* find_service(const std::string& service) override;
  Result<RelayShare> take_relay(const ServiceConfig& service) override {
    return tools_.room.take(service.tls, service.protocol);
  }
  void on_channel_ended(DataChannel& channel, Stage stage, const net::RelayOutcome& outcome,
                        const std::string& detail) override;
  void dial();
  struct End {  // of a bound channel: what is counted and written down
    wire::ConnectionId connection;
    std::string service;
    SocketAddress peer;
    std::string caller;
    std::string detail;
    net::RelayOutcome outcome;
    bool relayed = false;
  };
  ChannelLimits limits() const;
  void on_bound_ended(End end);
  void record(End end);
  void record_held();

  AgentTools& tools_;
  std::shared_ptr<const core::ChannelKeys> keys_;
  SocketAddress address_;
  const std::uint32_t answer_timeout_ms_;
  core::ChannelDialer dialer_;
  std::uint64_t last_counter_ = 0;
  bool retired_ = false;
  std::function<void()> on_empty_;  // once retired
  std::map<std::uint64_t, std::unique_ptr<DataChannel>> channels_;
  TellEnded tell_ended_;
  core::EndWords words_;
  core::HeldRecords<End> held_;
  core::TimerEntry timer_;
  core::TimerEntry held_timer_;
};

}  // namespace fairlead::agent
