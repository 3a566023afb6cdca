#pragma once
// The agent: builds the parts, connects them, reloads and drains them. One loop, one thread; the log has
// its own (common/base/log_writer.h).
//
//   header on a data channel -> TargetDial -> Relay(channel, target)
//   RendezvousLink (x2) -> SessionChannels -> DataChannel
#include <memory>
#include <set>
#include <vector>

#include "agent/calling/call_thread.h"
#include "agent/direct_path.h"
#include "agent/join/late_line.h"
#include "agent/join/renewer.h"
#include "agent/server_choice.h"
#include "agent/session/rendezvous_link.h"
#include "agent/status.h"
#include "agent/stop_plan.h"
#include "common/config/explain.h"
#include "common/crypto/system_rng.h"
#include "common/net/control_socket.h"
#include "common/net/file_watch.h"
#include "common/net/network_watch.h"
#include "common/net/signals.h"

namespace fairlead::agent {

// One `probe` while it looks.
struct ProbeRun {
  std::function<void(const std::string& line)> on_progress;
  TimePoint until;
  std::vector<std::string> told;    // lines of progress
  std::optional<ProbeFacts> facts;  // once it has looked
  core::TimerEntry* step = nullptr;
};
inline constexpr Duration kProbeTime = 8s;

class Agent final : public LinkOwner {
 public:
  // Called when a service becomes reachable: its name, path and address. For `expose`.
  using OnReachable = std::function<void(const ServiceReport&)>;

  // config_invalid when the identity cannot be used, address_in_use when another agent has the control socket;
  // everything else is tried again while it runs.
  static Result<std::unique_ptr<Agent>> open(AgentConfig config, std::string config_path, OnReachable on_reachable);
  ~Agent() override;

  void run();  // until a signal has stopped it

  // Looks at everything once, for at most kProbeTime, leaves nothing behind, and ends.
  using OnProgress = std::function<void(const std::string& line)>;
  ProbeFacts probe(const OnProgress& on_progress);

 private:
  // Everything that its identity files hold.
  struct Identities {
    std::shared_ptr<const tls::Credentials> own;
    ServiceCredentials of_services;
  };
  static Result<Identities> load_identities(const AgentConfig& config);

  Agent(AgentConfig config, std::string config_path, Identities identities, OnReachable on_reachable);

  // LinkOwner
  tls::TlsClientContext& verify_context() override { return verify_context_; }
  std::vector<nat::Candidate> candidates() override { return direct_.candidates(); }
  void on_candidate_judged(RendezvousLink& link, std::uint32_t number, const std::string& code) override;
  tls::TlsClientContext& session_context() override { return tls_context_; }
  wire::Hello next_hello() override;
  Leftovers& leftovers() override { return leftovers_; }
  bool is_duplicate(const RendezvousLink& link, const wire::InstanceId& instance) override;
  void on_renewal_answer(RendezvousLink& link, const wire::Renewed& answer) override {
    renewer_.on_answer(link, answer);
  }
  void on_link_changed(RendezvousLink& link) override;
  void on_link_failed(RendezvousLink& link) override;

  Result<void> open_control();
  void start_links();
  std::vector<RenewalLine*> renewal_lines();
  void look_at_refusal(const RendezvousLink& link);
  void look_at_state_dir();
  void watch_identity();
  void begin();
  void confine() const;
  void tell_of_direct() const;
  void adopt_names();
  void on_network(net::NetworkEvent event);
  void refresh_paths();
  void keep_relays_alive(Duration idle);
  void on_terminate();
  void arm_tick();
  void on_tick();
  void stop();
  void on_hangup();
  Result<void> reload();  // an error has changed nothing
  void reload_identity();
  void look_at_calls();
  bool adopt(Identities identities);  // false: our own is the same as before
  void replace_terminations(ServiceCredentials of_services);
  void renew_sessions();
  void on_probe_tick();
  tls::TlsClientContext make_context(const char* alpn);
  net::HttpReply on_control_request(const wire::HttpRequest& request);
  net::HttpReply reload_reply();
  net::HttpReply service_reply(const std::string& name, config::AnswerFormat format);
  WallTime started() const;
  StatusReport status_report() const;
  void explain_relay(ServiceReport& report) const;
  std::optional<Error> target_problem(const std::string& service) const;
  ServiceReport service_report(std::size_t index) const;

  AgentConfig config_;
  const std::string config_path_;  // empty: `expose`
  std::shared_ptr<const tls::Credentials> credentials_;
  OnReachable on_reachable_;
  crypto::SystemRng rng_;
  wire::BootId boot_id_{};
  std::uint64_t sessions_opened_ = 0;
  std::string endpoint_;
  tls::TlsClientContext tls_context_;
  tls::TlsClientContext verify_context_;  // proves other addresses of ours
  net::Loop loop_;
  net::Poller poller_;
  const DescriptorPlan descriptors_;
  net::PipePool pipes_;
  net::Farewells farewells_;
  Counters counters_;
  AgentTools tools_;
  const TimePoint started_;  // by the boot clock: the wall's may be wrong yet
  Leftovers leftovers_;
  std::vector<std::unique_ptr<RendezvousLink>> links_;
  LateLine late_line_;
  Renewer renewer_;
  DirectPath direct_;
  std::unique_ptr<CallThread> calls_;  // null while none were ever wanted
  std::optional<Error> calls_problem_;
  ServerChoice choice_;
  std::set<std::string> reachable_;     // services that were told to on_reachable_
  std::optional<Error> state_problem_;  // of the start
  StopPlan stopping_;
  std::optional<TimePoint> refresh_until_;
  std::optional<ProbeRun> probe_;
  std::unique_ptr<net::ControlServer> control_;
  std::unique_ptr<net::NetworkWatch> network_;
  std::vector<std::unique_ptr<net::FileWatch>> identity_watches_;  // ours, then those of services
  std::vector<std::unique_ptr<net::SignalWatcher>> signals_;
  core::TimerEntry tick_;  // armed only while something is due: an idle agent sleeps
};

}  // namespace fairlead::agent
