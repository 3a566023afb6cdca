#pragma once
// The rendezvous server: builds the parts, connects them, reloads and drains them. Main thread: signals, registry,
// admin socket. Relay workers and control threads are its children.
//
//   serving --SIGTERM--> draining (agents told, still accepting, drain_delay)
//           --> closing (listeners closed, relays end by themselves, drain_timeout) --> stopped
#include <atomic>
#include <memory>
#include <vector>

#include "common/net/control_socket.h"
#include "common/net/file_watch.h"
#include "common/net/poller.h"
#include "common/net/signals.h"
#include "rendezvous/admin/status.h"
#include "rendezvous/control/control_thread.h"
#include "rendezvous/listen_lock.h"

namespace fairlead::rendezvous {

class Server {
 public:
  // Binds everything; nothing is served before run(). config_invalid, address_in_use, io_failed.
  static Result<std::unique_ptr<Server>> open(RendezvousConfig config, std::string config_path);
  ~Server();

  void run();  // until a signal has stopped it

 private:
  enum class State { serving, draining, closing, stopped };

  Server(RendezvousConfig config, std::string config_path, std::shared_ptr<const tls::Credentials> credentials,
         std::shared_ptr<tls::TicketKeys> ticket_keys);
  Result<void> listen();
  Result<void> listen_on(const SocketAddress& address, const ListenerRules& rules);
  Result<void> open_admin();
  void to_control(ControlInbound inbound);
  void on_terminate();
  void on_drain_time();
  void stop();
  void reload();
  void apply_credentials(std::shared_ptr<const tls::Credentials> credentials);
  net::HttpReply on_admin_request(const wire::HttpRequest& request);
  StatusReport status_report();
  std::vector<RelaySummary> gather_relays(std::size_t limit);

  RendezvousConfig config_;
  const std::string config_path_;
  std::shared_ptr<const tls::Credentials> credentials_;
  const WallTime started_;
  State state_ = State::serving;
  TimePoint drain_deadline_;
  net::Loop loop_;
  net::Poller poller_;
  Shared shared_;
  RegistryOwner registry_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<std::unique_ptr<ControlThread>> controls_;
  std::atomic<std::size_t> next_control_{0};
  std::vector<ListenLock> locks_;
  std::unique_ptr<net::ControlServer> admin_;
  std::unique_ptr<net::FileWatch> identity_watch_;
  std::vector<std::unique_ptr<net::SignalWatcher>> signals_;
  core::TimerEntry drain_timer_;
};

// What the configuration leaves to the machine: relays_max and sessions_max by the limit of open files, workers by
// cores.
void complete(RendezvousConfig& config, std::size_t open_files);

}  // namespace fairlead::rendezvous
