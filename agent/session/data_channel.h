#pragma once
// One data channel of the agent, from its dial to the end of the mesh connection that it carried:
//
//   dialing --connected, ticket sent--> ready --header--> hearing --hello--> serving (its ServiceConnection) --> ended
//
// Each state may end; after its header a channel that is not served gets a MACed answer that says why. Header and hello
// are verified before the target hears of anything. Owned by its session's SessionChannels; tells it
// each step, and its end as its last act. A relay outlives the session that its channel came from.
#include <memory>
#include <optional>

#include "agent/resource/memory_budget.h"
#include "agent/service/service_connection.h"
#include "agent/setting/config.h"
#include "common/core/channel_keys.h"
#include "common/net/connector.h"
#include "common/net/relay.h"

namespace fairlead::agent {

inline constexpr Duration kChannelKeepAlive = 60s;
// From when a channel, ready or relaying, is kept alive. Most are over by then, and four system calls cheaper.
inline constexpr Duration kKeepAliveFrom = 30s;

class DataChannel;

class ChannelOwner {
 public:
  virtual ~ChannelOwner() = default;
  virtual void on_channel_ready(DataChannel& channel) = 0;
  virtual void on_channel_bound(DataChannel& channel) = 0;  // its header came
  // The service of a verified header; null: not ours (any more).
  virtual const ServiceConfig* find_service(const std::string& service) = 0;
  // Room for one more, or agent_busy, memory_limit; given back by on_channel_ended.
  virtual Result<RelayShare> take_relay(const ServiceConfig& service) = 0;
  enum class Stage { dialing, ready, bound };
  virtual void on_channel_ended(DataChannel& channel, Stage stage, const net::RelayOutcome& outcome,
                                const std::string& detail) = 0;
};

struct ChannelLimits {
  Duration connect_timeout;      // of the dial to the rendezvous
  Duration target_timeout;       // of the dial to the target: before the rendezvous stops waiting for our answer
  Duration handshake_timeout{};  // with a caller whose TLS ends here
  net::RelayLimits relay;
  net::SocketBuffers buffers;  // until its header came
  std::size_t hello_max = 0;
};

class DataChannel final : public net::PollTarget, public ServiceConnectionOwner {
 public:
  DataChannel(ServiceTools tools, ChannelOwner& owner, std::shared_ptr<const core::ChannelKeys> keys,
              std::uint64_t ticket_counter, ChannelLimits limits);

  void start(const SocketAddress& rendezvous);
  void close(Reason reason);
  // The NAT on the way may have forgotten a live relay: what goes out teaches it anew.
  void keep_alive(Duration idle);
  bool relayed() const { return connection_ && connection_->reached(); }  // its target was reached
  bool bound() const { return state_ >= State::hearing; }
  const std::optional<RelayShare>& share() const { return share_; }  // from its header on
  const wire::ChannelHeader& header() const { return header_; }
  const std::string& caller() const { return caller_; }  // SPIFFE id, where its TLS ended here; once ended
  std::uint64_t number = 0;                              // the owner's

 private:
  enum class State { dialing, ready, hearing, serving, ended };

  void enter(State next);
  void on_ready(net::Readiness ready) override;
  Bytes on_service_reached() override;
  void on_service_ended(ServiceEnd end) override;
  void on_connected(Result<net::Connection> connection);
  void on_timer();
  void read_more();
  void examine();
  void bind();
  void on_hello();
  void serve(const ServiceConfig& service);
  void say_refused(net::PolledFd fd, Reason reason);
  void refuse(Reason reason, const std::string& detail);
  void end(Reason reason, const std::string& detail);

  ServiceTools tools_;
  ChannelOwner& owner_;
  std::shared_ptr<const core::ChannelKeys> keys_;
  const std::uint64_t ticket_counter_;
  ChannelLimits limits_;
  State state_ = State::dialing;
  TimePoint started_;
  net::PolledFd fd_;
  Bytes buffer_;  // header, then what follows it
  std::size_t header_size_ = 0;
  wire::ChannelHeader header_;
  std::string caller_;
  wire::Mac header_mac_{};
  std::optional<RelayShare> share_;
  std::unique_ptr<net::Connector> dial_;           // while dialing
  std::unique_ptr<ServiceConnection> connection_;  // once serving
  core::TimerEntry timer_;
};

}  // namespace fairlead::agent
