#pragma once
// The calls that a running agent carries: [[egress]] and [proxy], on a thread of their own. A handshake with a service
// takes 2 to 50 ms of a small device's processor; on the agent's loop it would delay pings and other connections'
// bytes. The thread knows nothing of the agent but its places for relays and its counters, which any thread may use;
// the rest is told by messages that carry values.
//
//   agent's loop -- apply, on_clock, network_changed, stop_listening --> this thread's loop
//                <-- reports(): copied when they change
//
// Owned by the agent, which calls everything here from its own thread.
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "agent/calling/call_ground.h"
#include "agent/calling/egress_ports.h"
#include "agent/calling/kept_proxy.h"
#include "agent/resource/descriptor_plan.h"
#include "agent/resource/device_clock.h"
#include "agent/setting/config.h"

namespace fairlead::agent {

struct CallReports {
  std::vector<EgressReport> egress;
  std::optional<EgressReport> proxy;  // without a name
};

class CallThread {
 public:
  // `room` and `counters` outlive it. `plan`: the agent's, for what is bounded by descriptors where memory has no
  // ceiling.
  CallThread(RelayRoom& room, Counters& counters, const DescriptorPlan& plan);
  ~CallThread();
  CallThread(const CallThread&) = delete;
  CallThread& operator=(const CallThread&) = delete;

  Result<void> start();  // io_failed
  // What is in effect from now on; who is connected goes on. New calls show this identity.
  void apply(AgentConfig config, std::shared_ptr<const tls::Credentials> credentials, DeviceClock clock);
  // What is known of the time has changed.
  void on_clock(DeviceClock clock);
  void network_changed();
  void stop_listening();
  // What is still carried is reset. Returns when the thread has ended.
  void shut_down();

  CallReports reports() const;

 private:
  // Those of the thread alone, once it runs.
  void take_over(const AgentConfig& config, std::shared_ptr<const tls::Credentials> credentials);
  void replace_context(std::shared_ptr<const tls::Credentials> credentials);
  void keep_proxy(const AgentConfig& config);
  void tell_soon();
  void publish();

  RelayRoom& room_;
  const std::size_t openings_max_;
  const std::optional<RelayShare> aside_;  // for what ended calls have still to say
  std::optional<RelayShare> openings_aside_;
  CallGround ground_;
  std::optional<DeviceClock> clock_;  // a copy, which is only read
  std::optional<tls::TlsClientContext> context_;
  std::shared_ptr<const tls::Credentials> credentials_;
  std::unique_ptr<EgressPorts> ports_;
  std::unique_ptr<KeptProxy> proxy_;  // null while none was ever wanted
  core::TimerEntry tell_;
  std::thread thread_;

  mutable std::mutex board_mutex_;
  CallReports board_;  // of any thread
};

}  // namespace fairlead::agent
