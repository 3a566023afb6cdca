#pragma once
// One relay worker: a thread with its own loop, SO_REUSEPORT listeners, connections and relays. It never ends TLS:
// what ends at the rendezvous is handed to a control thread. Other threads reach it by post() alone.
//
//   Listener -> Inbound --own name--> control thread
//                  | ticket                       | ClientHello
//                  v                              v
//             ReadyChannel --claimed by--> MeshConnection --accepted--> LiveRelay
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <vector>

#include "common/base/random.h"
#include "common/front/inbound.h"
#include "common/front/listener.h"
#include "common/front/lobby.h"
#include "common/net/farewell.h"
#include "common/net/pipe_pool.h"
#include "common/net/thread.h"
#include "rendezvous/record/relay_summary.h"
#include "rendezvous/registry/listing.h"
#include "rendezvous/relay/control_inbound.h"
#include "rendezvous/relay/end_ledger.h"
#include "rendezvous/relay/live_relay.h"
#include "rendezvous/relay/mesh_connection.h"
#include "rendezvous/relay/numbered.h"
#include "rendezvous/relay/ready_channel.h"
#include "rendezvous/relay/shared.h"
#include "rendezvous/relay/unproved_relays.h"

namespace fairlead::rendezvous {

using front::Inbound;
using front::Listener;
using front::ListenerRules;

// Between two targets of one descriptor.
struct Unwatched final : net::PollTarget {
  void on_ready(net::Readiness /*ready*/) override {}
};

class Worker final : public front::InboundOwner, public ReadyChannelOwner, public MeshHost, public LiveRelayOwner {
 public:
  using ToControl = std::function<void(ControlInbound)>;  // called on the worker's thread

  Worker(unsigned index, Shared& shared, const Limits& limits, std::uint64_t seed, ToControl to_control);
  ~Worker() override;

  // Before start(), or on the worker's thread.
  void listen(net::Fd fd, const ListenerRules& rules);
  Result<void> start();  // io_failed
  void join();

  void post(Task task) { loop_.post(std::move(task)); }

  // The rest: on the worker's thread, by post().
  void apply(const Limits& limits) { limits_ = limits; }
  void stop_listening();
  // Ends everything that is left with shutting_down, then the thread.
  void shut_down();

  void adopt(MeshClient client, Attempt attempt, std::uint64_t channel);
  void offer_channel(std::uint64_t client, WorkerItem channel, const Carrier& carrier);
  void release_channel(std::uint64_t channel);
  void close_channel(std::uint64_t channel, Reason reason);
  void session_ended(std::uint64_t waiting_client);
  // SPIFFE ids, all of them: relays to their services end, also those that an answer still under way would begin.
  void replace_revoked(std::set<std::string> ids);
  Listing<RelaySummary> relays(std::size_t limit) const;

 private:
  // InboundOwner
  void on_opened(Inbound& inbound, front::Opening::Outcome outcome) override;
  // ReadyChannelOwner
  void on_channel_ended(ReadyChannel& channel, Reason reason) override;
  // MeshHost
  net::Poller& poller() override { return poller_; }
  Rng& rng() override { return rng_; }
  const Snapshot& routes() override { return routes_.current(); }
  unsigned index() const override { return index_; }
  std::optional<ClaimedChannel> take_channel(std::uint64_t number) override;
  tl::expected<ServiceRoom::Token, Reason> take_service_place(const std::string& service,
                                                              const IpAddress& source) override;
  void on_mesh_accepted(MeshConnection& connection, Accepted accepted) override;
  void on_mesh_moves(MeshConnection& connection, MeshClient client, Attempt attempt, WorkerItem channel) override;
  void on_mesh_turned_away(MeshConnection& connection, net::PolledFd client, MeshClient who, Reason reason) override;
  // LiveRelayOwner
  void on_live_relay_proved(LiveRelay& relay) override;
  void on_live_relay_ended(LiveRelay& relay, const net::RelayOutcome& ended) override;

  void on_accept(net::AcceptedSocket accepted, const ListenerRules& rules);
  void on_client_hello(Inbound& inbound, wire::ClientHello hello);
  void on_ticket(Inbound& inbound, const wire::Signed<wire::Ticket>& ticket);
  void on_turned_away(Inbound& inbound, Reason reason);
  void start_mesh(Inbound& inbound, wire::ClientHello hello);
  void refuse_accepted(Reason reason, const SocketAddress& peer, const std::string& name = "");
  // A channel whose ticket was good, here or at the worker that accepted it.
  void hold_channel(net::PolledFd fd, const std::shared_ptr<AgentCarrier>& session, std::uint64_t counter,
                    const SocketAddress& peer, GaugeToken place);
  void hand_to_waiter(WorkerItem waiter, WorkerItem channel, const std::shared_ptr<AgentCarrier>& session);
  net::RelayOutcome judge(const Attempt& attempt, net::RelayOutcome outcome) const;
  void farewell(net::PolledFd fd, Reason reason);
  void record(const MeshCaller& who, const std::string& service, const Attempt* attempt,
              const net::RelayOutcome& outcome);
  static AccessRecord access_line(const MeshCaller& who, const std::string& service, const Attempt* attempt,
                                  const net::RelayOutcome& outcome);
  void leave_lobby(Inbound& inbound);
  void close_unproved(std::uint64_t relay, Reason reason);
  void end_if_revoked(LiveRelay& relay);
  template <class T>
  void retire(Numbered<T>& from, std::uint64_t number) {
    if (auto object = from.take(number)) loop_.retire(std::move(object));
  }

  const unsigned index_;
  Shared& shared_;
  Limits limits_;
  SeededRng rng_;  // jitter, load balancing, ids that need not be secret
  ToControl to_control_;
  SnapshotReader routes_;
  net::Loop loop_;
  net::Poller poller_;
  net::PipePool pipes_;
  net::Farewells farewells_;
  EndLedger ends_{loop_, shared_.counters, shared_.access_log};
  front::Lobby lobby_;  // of inbounds_
  net::StuckRelays stuck_;
  UnprovedRelays unproved_;
  std::vector<std::unique_ptr<ListenerRules>> rules_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  Unwatched unwatched_;
  Numbered<Inbound> inbounds_;
  Numbered<ReadyChannel> channels_;
  Numbered<MeshConnection> mesh_;
  Numbered<LiveRelay> relays_;
  std::set<std::string> revoked_;  // since this server runs: nobody else of them has a session
  std::thread thread_;
};

}  // namespace fairlead::rendezvous
