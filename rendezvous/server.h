#pragma once
// The rendezvous server: builds the parts, connects them, reloads and drains them. Main thread: signals, registry,
// admin socket. Relay workers, control threads and the thread that makes pages are its children. When it ends:
// serving.h; what a reload does: setting/reload.h; what it listens on: listeners.h.
#include <atomic>
#include <map>
#include <memory>
#include <vector>

#include "common/net/control_socket.h"
#include "common/net/file_watch.h"
#include "common/net/network_watch.h"
#include "common/net/poller.h"
#include "common/net/signals.h"
#include "rendezvous/admin/recent_counts.h"
#include "rendezvous/admin/relay_gather.h"
#include "rendezvous/admin/report_thread.h"
#include "rendezvous/admin/status.h"
#include "rendezvous/control/control_thread.h"
#include "rendezvous/control/registry_owner.h"
#include "rendezvous/listeners.h"
#include "rendezvous/relay/worker.h"
#include "rendezvous/serving.h"
#include "rendezvous/setting/descriptor_budget.h"

namespace fairlead::rendezvous {

// Of the admin socket: reads the list of the revoked again.
inline constexpr const char* kRevocationsPage = "/revocations/reload";

class Server {
 public:
  // Binds everything; nothing is served before run(). config_invalid, address_in_use, io_failed.
  static Result<std::unique_ptr<Server>> open(RendezvousConfig config, std::string config_path);
  ~Server();

  // Until a signal has stopped it. io_failed: the threads could not be started.
  Result<void> run();

 private:
  Server(RendezvousConfig config, std::string config_path, std::shared_ptr<const tls::Credentials> credentials,
         std::shared_ptr<tls::TicketKeys> ticket_keys, std::unique_ptr<Joining> joining,
         const DescriptorBudget& budget);
  Result<void> start_threads();
  Result<void> open_admin();
  void confine() const;
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
  void apply_revoked(const std::vector<std::string>& ids);
  void read_revoked_again(net::ControlServer::Answer answer);
  std::vector<Error> problems() const;
  void on_admin_request(const wire::HttpRequest& request, net::ControlServer::Answer answer);
  using Render = std::string (*)(const StatusReport& report, AnswerForm form);
  using Fill = std::function<void(StatusReport& report, const RegistryView& view)>;  // on the report thread
  void answer_page(AnswerForm form, Render render, Fill fill, net::ControlServer::Answer answer);
  void answer_summary(AnswerForm form, net::ControlServer::Answer answer);
  void answer_relays(AnswerForm form, std::size_t limit, net::ControlServer::Answer answer);
  StatusReport status_facts() const;
  void fill_summary(StatusReport& report, const RegistryView& view, const Limits& limits);
  std::vector<std::uint64_t> ended_totals() const;
  void on_minute();

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
  HandshakeDesk handshakes_;
  std::vector<std::unique_ptr<Worker>> workers_;
  JoinThread join_thread_;
  std::vector<std::unique_ptr<ControlThread>> controls_;
  Listeners listeners_;
  std::unique_ptr<net::ControlServer> admin_;
  ReportThread reports_;
  RecentCounts ended_lately_;
  std::map<std::uint64_t, std::unique_ptr<RelayGather>> gathers_;
  std::uint64_t next_gather_ = 0;
  std::unique_ptr<net::FileWatch> identity_watch_;
  std::unique_ptr<net::NetworkWatch> network_;
  std::vector<std::unique_ptr<net::SignalWatcher>> signals_;
  core::TimerEntry drain_timer_;
  core::TimerEntry listen_timer_;  // armed while an address is missing
  core::TimerEntry minute_timer_;
};

// What this machine has for it: workers by cores, descriptors by the limit of the process. io_failed.
Result<DescriptorBudget> descriptor_budget(const RendezvousConfig& config);
// What the configuration leaves to the machine is filled in; limits that do not fit are cut, and logged.
RendezvousConfig completed(RendezvousConfig config, const DescriptorBudget& budget);

// SNI names that end here.
std::vector<std::string> own_names(const RendezvousConfig& config, const tls::Credentials& credentials);

}  // namespace fairlead::rendezvous
