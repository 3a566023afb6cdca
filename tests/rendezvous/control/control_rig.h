#pragma once
// What the tests of rendezvous/control stand on: a loop of the test's own thread, TLS between real engines over a
// socket pair, and the other rooms played by values: what was asked of the registry and of the workers is kept.
#include <map>
#include <string>
#include <vector>

#include "common/crypto/system_rng.h"
#include "rendezvous/control/agent_link.h"
#include "rendezvous/control/proof_receiver.h"
#include "tests/common/core/session_pair.h"
#include "tests/common/net/session_side.h"

namespace fairlead::rendezvous {

using net::test::TlsEnds;
using Agent = net::test::Side<core::AgentSession, core::AgentEvent>;
namespace agent_event = core::agent_event;

// A registry that decides nothing: the test answers.
struct AskedRegistry final : RegistryDesk {
  void post_hello(LinkRef link, SessionClaim claim) override {
    last_link = link;
    hellos.push_back(std::move(claim));
  }
  void post_register(LinkRef link, std::shared_ptr<Carrier> /*session*/, wire::Register request) override {
    last_link = link;
    registers.push_back(std::move(request));
  }
  void post_unregister(std::shared_ptr<Carrier> /*session*/, std::uint32_t claim) override {
    unregistered.push_back(claim);
  }
  void post_direct(std::shared_ptr<Carrier> /*session*/, std::vector<DirectEndpoint> endpoints) override {
    direct.push_back(std::move(endpoints));
  }
  void post_probe_answered(std::shared_ptr<Carrier> /*session*/) override { ++probes_answered; }
  void post_closed(std::shared_ptr<Carrier> session) override { closed.push_back(std::move(session)); }

  LinkRef last_link;
  std::vector<SessionClaim> hellos;
  std::vector<wire::Register> registers;
  std::vector<std::uint32_t> unregistered;
  std::vector<std::vector<DirectEndpoint>> direct;
  std::vector<std::shared_ptr<Carrier>> closed;
  int probes_answered = 0;
};

struct AskedWorkers final : ChannelDesk {
  void close_channel(const WorkerItem& channel, Reason reason) override { closed.emplace_back(channel, reason); }
  void session_ended(const WorkerItem& waiter) override { told.push_back(waiter); }
  std::vector<std::pair<WorkerItem, Reason>> closed;
  std::vector<WorkerItem> told;
};

inline const SocketAddress kAgentPeer = *SocketAddress::parse("192.0.2.7:40000");

// Answers when the test says.
struct AskedSigner final : JoinDesk {
  void post_join(wire::JoinQuestion /*question*/, SocketAddress /*peer*/,
                 std::function<void(wire::JoinAnswer)> /*done*/) override {}
  void post_renewal(RenewalRequest request, SocketAddress /*peer*/, std::function<void(wire::Renewed)> done) override {
    renewals.emplace_back(std::move(request), std::move(done));
  }
  bool signs() const override { return has_signer; }

  std::vector<std::pair<RenewalRequest, std::function<void(wire::Renewed)>>> renewals;
  bool has_signer = true;
};

// One control thread's worth of tools, on the test's thread.
struct ControlRig : SessionHome, LinkOwner {
  ControlRig() {
    welcome.domains = {"mesh.example"};
    limits.services_per_agent = 4;
  }
  ~ControlRig() override {
    if (link) link->close(Reason::shutting_down, "");
    agent.reset();
    worker.settle();  // what was retired goes before the poller does
  }

  // SessionHome: at once would be within the asker's call, as no thread ever does it.
  void tell(std::uint64_t number, std::function<void(SessionEnd&)> message) override {
    worker.loop.post([this, number, message = std::move(message)] {
      if (link && number == link->number) message(*link);
    });
  }
  void on_link_ended(AgentLink& ended) override {
    CHECK(&ended == link.get());
    worker.loop.retire(std::move(link));
    ++links_ended;
  }

  // Both ends behind their handshake: the link has a number and has started.
  void open() {
    ends.emplace(worker, mesh);
    REQUIRE(worker.until([&] { return ends->shaken(); }));
    agent.emplace(worker, std::move(ends->client), hello, worker.loop.now());
    link = std::make_unique<AgentLink>(tools, Guest{std::move(ends->server), kAgentPeer});
    link->number = 7;
    link->start();
    agent->driver->start();
    REQUIRE(worker.until([&] { return !registry.hellos.empty(); }));
  }
  void admit() {
    registry.last_link.tell([](SessionEnd& self) { self.on_admitted(); });
    REQUIRE(worker.until([&] { return agent->heard<agent_event::Welcomed>(); }));
  }
  // The latest of what the agent heard of that kind.
  template <class E>
  const E& heard() {
    REQUIRE(worker.until([&] { return agent->heard<E>(); }));
    for (auto at = agent->events.rbegin(); at != agent->events.rend(); ++at) {
      if (const auto* event = std::get_if<E>(&*at)) return *event;
    }
    return std::get<E>(agent->events.front());
  }
  std::uint64_t closed(Reason reason) const { return counters.closed.get(reason); }
  std::uint64_t refused(Reason reason) const { return counters.refused.get(reason); }

  wire::Hello hello = fairlead::test::some_hello();
  net::test::Worker worker;
  fairlead::test::Mesh mesh;
  Limits limits;
  WelcomeFacts welcome;
  crypto::SystemRng rng;
  AskedRegistry registry;
  AskedWorkers workers;
  AskedSigner joins;
  SessionDirectory sessions;
  Gauge places{1};
  Counters counters;
  AccessLines access_log{AccessLog::off};
  VerifyShared verify;
  IdentityPauses pauses;
  Gauge verify_dials{4};
  SourceGauge verify_dials_per_target{4};
  tls::TlsClientContext verify_context{mesh.client_context()};
  const LinkTools tools{.loop = worker.loop,
                        .rng = rng,
                        .limits = limits,
                        .facts = welcome,
                        .wall_now = [this] { return mesh.now; },
                        .registry = registry,
                        .joins = joins,
                        .channels = workers,
                        .sessions = sessions,
                        .places = places,
                        .counters = counters,
                        .pauses = pauses,
                        .verify = {.poller = worker.poller,
                                   .context = verify_context,
                                   .limits = limits,
                                   .dials = verify_dials,
                                   .dials_per_target = verify_dials_per_target,
                                   .shared = verify,
                                   .counters = counters},
                        .home = *this,
                        .owner = *this};
  std::optional<TlsEnds> ends;
  std::optional<Agent> agent;
  std::unique_ptr<AgentLink> link;
  int links_ended = 0;
};

}  // namespace fairlead::rendezvous
