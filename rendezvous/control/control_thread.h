#pragma once
// A thread that ends TLS for what ends at the rendezvous: agents' control channels. A mutual handshake blocks for
// milliseconds, so none ever runs on a relay worker; a bounded number is under way, the others wait unread.
#include <deque>
#include <functional>
#include <memory>
#include <thread>

#include "common/crypto/system_rng.h"
#include "rendezvous/control/agent_link.h"
#include "rendezvous/relay/numbered.h"

namespace fairlead::rendezvous {

struct ControlOptions {
  std::shared_ptr<const tls::Credentials> credentials;
  std::shared_ptr<tls::TicketKeys> ticket_keys;
  std::optional<SocketAddress> instance_address;
  std::size_t handshakes_share = 1;  // of limits.handshakes_max
};

class ControlThread final : public LinkHost {
 public:
  ControlThread(Shared& shared, RegistryOwner& registry, const Limits& limits, ControlOptions options);
  ~ControlThread() override;

  void start();
  void join();
  // Any thread.
  void post(Task task) { loop_.post(std::move(task)); }

  // The rest: on this thread, by post().
  void take(ControlInbound inbound);
  AgentLink* find(std::uint64_t number) { return links_.find(number); }
  void apply(const Limits& limits, std::size_t handshakes_share);
  // For handshakes from now on; sessions that stand are kept.
  void replace_credentials(std::shared_ptr<const tls::Credentials> credentials);
  // Tells every agent to move elsewhere, each at its own random moment of `within`.
  void drain(Duration within);
  void shut_down();

 private:
  struct Waiting {
    ControlInbound inbound;
    GaugeToken token;
  };

  // LinkHost
  net::Loop& loop() override { return loop_; }
  Shared& shared() override { return shared_; }
  const Limits& limits() override { return limits_; }
  Rng& secret_rng() override { return rng_; }
  RegistryOwner& registry() override { return registry_; }
  ControlThread& thread() override { return *this; }
  net::Poller& poller() override { return poller_; }
  tls::TlsClientContext& verify_context() override { return *verify_context_; }
  std::optional<SocketAddress> instance_address() const override { return options_.instance_address; }
  void on_handshake_over() override;
  void on_link_ended(AgentLink& link) override;

  void admit_next();
  void rebuild_context();
  static void on_drain_turn(void* self);

  Shared& shared_;
  RegistryOwner& registry_;
  Limits limits_;
  ControlOptions options_;
  crypto::SystemRng rng_;
  net::Loop loop_;
  net::Poller poller_;
  std::optional<tls::TlsServerContext> context_;
  std::optional<tls::TlsClientContext> verify_context_;  // of dial-backs
  std::deque<Waiting> waiting_;
  std::size_t handshaking_ = 0;
  Numbered<AgentLink> links_;
  std::vector<std::pair<TimePoint, std::uint64_t>> drain_plan_;  // by time, the next last
  TimePoint drain_until_;
  core::TimerEntry drain_timer_;
  std::thread thread_;
};

}  // namespace fairlead::rendezvous
