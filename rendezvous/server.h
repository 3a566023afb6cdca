#pragma once
// The rendezvous server: builds the parts, connects them, reloads and drains them. Main thread: signals, registry,
// admin socket. Relay workers and control threads are its children. When it ends: serving.h; what a reload does:
// setting/reload.h; what it listens on: listeners.h.
#include <atomic>
#include <memory>
#include <vector>

#include "common/net/control_socket.h"
#include "common/net/file_watch.h"
#include "common/net/network_watch.h"
#include "common/net/poller.h"
#include "common/net/signals.h"
#include "rendezvous/admin/status.h"
#include "rendezvous/control/control_thread.h"
#include "rendezvous/control/registry_owner.h"
#include "rendezvous/listeners.h"
#include "rendezvous/serving.h"

namespace fairlead::rendezvous {

class Server {
 public:
  // Binds everything; nothing is served before run(). config_invalid, address_in_use, io_failed.
  static Result<std::unique_ptr<Server>> open(RendezvousConfig config, std::string config_path);
  ~Server();

  void run();  // until a signal has stopped it

 private:
  Server(RendezvousConfig config, std::string config_path, std::shared_ptr<const tls::Credentials> credentials,
         std::shared_ptr<tls::TicketKeys> ticket_keys);
  Result<void> open_admin();
  void confine() const;
  void to_control(ControlInbound inbound);
  void hand_out(std::vector<net::Fd> sockets, const ListenerRules& rules);
  void listen_again();
  void watch_identity();
  void on_terminate();
  void on_drain_time();
  void act(ServingAction action);
  void stop();
  void reload();
  void apply_settings();
  void on_network_event(net::NetworkEvent event);
  void survey_network();
  void apply_credentials(std::shared_ptr<const tls::Credentials> credentials);
  net::HttpReply on_admin_request(const wire::HttpRequest& request);
  StatusReport status_report();
  std::vector<Error> problems() const;
  std::vector<RelaySummary> gather_relays(std::size_t limit);

  RendezvousConfig read_;    // as the file says, but for what needs a restart
  RendezvousConfig config_;  // complete: what follows from this machine is filled in
  const std::string config_path_;
  std::shared_ptr<const tls::Credentials> credentials_;
  std::shared_ptr<tls::TicketKeys> ticket_keys_;
  const WallTime started_;
  Serving serving_;
  net::Loop loop_;
  net::Poller poller_;
  Shared shared_;
  ControlShared control_shared_;
  RegistryOwner registry_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<std::unique_ptr<ControlThread>> controls_;
  std::atomic<std::size_t> next_control_{0};
  Listeners listeners_;
  std::unique_ptr<net::ControlServer> admin_;
  std::unique_ptr<net::FileWatch> identity_watch_;
  std::unique_ptr<net::NetworkWatch> network_;
  std::vector<std::unique_ptr<net::SignalWatcher>> signals_;
  core::TimerEntry drain_timer_;
  core::TimerEntry listen_timer_;  // armed while an address is missing
};

// What the configuration leaves to the machine: relays_max and sessions_max by the limit of open files, workers by
// cores.
void complete(RendezvousConfig& config, std::size_t open_files);
RendezvousConfig completed(RendezvousConfig config);  // by this process's limits

// SNI names that end here.
std::vector<std::string> own_names(const RendezvousConfig& config, const tls::Credentials& credentials);

}  // namespace fairlead::rendezvous
