#include "tests/sim/world.h"

#include <algorithm>

namespace fairlead::sim {
namespace {

constexpr Duration kStorm = 4min;
// Longest way back: a session dies of missed pings, the newcomer is told to come again in a minute, then backs off.
constexpr Duration kCalm = 4min;
constexpr Duration kQuiet = 90s;
constexpr unsigned kRefusesPercent = 5;
// One direction of a control connection died: the agent, which follows the server's pings, is the last to know
// (core/keepalive.h); a partition may keep the last ping from it for a while.
constexpr Duration kOneWayNoticed =
    core::kPingInterval * (core::kPingsMissed + 2) + core::kPingInterval / core::kFollowerGrace + 5s;

}  // namespace

World::World(std::uint64_t seed)
    : rng_(seed), ledger_([this](const std::string& promise) {
        const auto seconds = std::chrono::duration<double>(scheduler_.now() - TimePoint(1h)).count();
        throw Violation(promise + " (at " + std::to_string(seconds) + " s)");
      }) {
  network_.on_path = [this](Connection& c, Side from, Bytes& bytes) { attacker_.on_path(c, from, bytes); };
  network_.on_connected = [this](const ConnectionPtr& c) { connections_.push_back(c); };
  make_machines();
}

World::~World() {
  attacker_.retire();
  for (Machine& machine : machines_) machine.agent = nullptr;
  server_ = nullptr;
}

void World::make_machines() {
  const std::size_t agents = 1 + rng_.below(3);
  for (std::size_t i = 0; i < agents; ++i) {
    Machine& machine = machines_.emplace_back();
    machine.host.name = "host" + std::to_string(i);
    machine.host.identity = machine.host.name;
    machine.host.delay = 1ms + context_.up_to(context_.chance(20) ? 900ms : 150ms);
    machine.settings.endpoint = machine.host.identity;
    machine.settings.pool_max = static_cast<std::uint16_t>(1 + rng_.below(8));
    machine.settings.pool_min = static_cast<std::uint16_t>(rng_.below(machine.settings.pool_max + 1U));
    for (std::size_t s = 0; s <= rng_.below(2); ++s) {
      machine.settings.services.push_back("service" + std::to_string(i) + std::to_string(s));
    }
  }
  if (!context_.chance(30)) return;
  Machine clone;
  clone.host = machines_.front().host;
  clone.host.name = "clone";
  clone.settings = machines_.front().settings;
  clone.clone = true;
  machines_.push_back(std::move(clone));
}

void World::start(Machine& machine) {
  machine.agent = std::make_unique<SimAgent>(context_, machine.host, machine.settings);
  machine.agent->refuses_percent = calm_ ? 0 : kRefusesPercent;
  machine.agent->start();
}

void World::start_server() {
  server_ = std::make_unique<SimServer>(context_);
  network_.on_accept = [this](const ConnectionPtr& connection) { server_->accept(connection); };
}

Tally World::run() {
  start_server();
  for (Machine& machine : machines_) scheduler_.after(context_.up_to(5s), [&] { start(machine); });
  scheduler_.after(1s, [this] { traffic(); });
  scheduler_.after(5s, [this] { fault(); });
  run_until(scheduler_.now() + kStorm);

  calm_ = true;
  attacker_.retire();
  for (Machine& machine : machines_) {
    machine.host.cut_until = std::min(machine.host.cut_until, scheduler_.now());
    if (machine.agent) machine.agent->refuses_percent = 0;
    if (machine.agent) machine.agent->be_silent_until({});
  }
  run_until(scheduler_.now() + kCalm);
  quiet_ = true;
  run_until(scheduler_.now() + kQuiet);
  check_recovered();
  run_until(scheduler_.now() + kQuiet);
  check_nothing_left();
  tally_.accepted = ledger_.accepted();
  return tally_;
}

void World::run_until(TimePoint until) {
  while (scheduler_.step(until)) {
    ++tally_.steps;
    check_step();
  }
}

std::string World::any_service() {
  const Machine& machine = machines_[rng_.below(machines_.size())];
  return machine.settings.services[rng_.below(machine.settings.services.size())];
}

ClientPtr World::add_client(const std::string& service) {
  const auto client = std::make_shared<Client>();
  rng_.fill(client->id);
  client->service = service + "." + kCluster;
  client->hello.resize(1 + rng_.below(context_.chance(5) ? 5000 : 60));
  rng_.fill(client->hello);
  client->started = scheduler_.now();
  client->limit = client->started + kChannelWait + rendezvous::kRouteAgain;
  client->hold = context_.up_to(context_.chance(10) ? 60s : 3s);
  ++tally_.clients;
  pending_.push_back(client);
  server_->connect(client);
  return client;
}

void World::traffic() {
  if (quiet_) return;
  const std::size_t burst = context_.chance(5) ? 1 + rng_.below(20) : 1;
  for (std::size_t i = 0; server_ && i < burst; ++i) add_client(any_service());
  scheduler_.after(context_.up_to(3s), [this] { traffic(); });
}

void World::fault() {
  if (calm_) return;
  scheduler_.after(context_.up_to(6s), [this] { fault(); });
  Machine& machine = machines_[rng_.below(machines_.size())];
  switch (rng_.below(12)) {
    case 0:
      machine.host.cut_until = scheduler_.now() + context_.up_to(context_.chance(30) ? 100s : 5s);
      break;
    case 1:
      restart_agent(machine);
      break;
    case 2:
      if (context_.chance(30)) restart_server();
      break;
    case 3:
      if (machine.agent) machine.agent->be_silent_until(scheduler_.now() + context_.up_to(20s));
      break;
    case 4:
      if (machine.agent) machine.agent->probe();
      break;
    case 5:
    case 6:
    case 7:
      attacker_.intrude();
      break;
    default:
      harm_connection();
      break;
  }
}

void World::harm_connection() {
  std::erase_if(connections_, [](const auto& c) { return c.expired(); });
  if (connections_.empty()) return;
  const ConnectionPtr connection = connections_[rng_.below(connections_.size())].lock();
  if (connection->purpose == Purpose::control && context_.chance(30)) {
    mute_one_way(connection);
  } else if (context_.chance(50)) {
    connection->reset();
  } else {
    connection->forget();
  }
}

void World::mute_one_way(const ConnectionPtr& connection) {
  connection->mute(context_.chance(50) ? Side::agent : Side::server);
  const std::weak_ptr<Connection> weak = connection;
  scheduler_.after(kOneWayNoticed, [this, weak, since = scheduler_.now()] {
    const ConnectionPtr still = weak.lock();
    if (!still || still->host.cut_until > since) return;
    ledger_.require(still->closed(Side::agent) && still->closed(Side::server),
                    "a path that died in one direction was not noticed");
  });
}

void World::restart_agent(Machine& machine) {
  if (!machine.agent) return;
  if (context_.chance(50)) {
    machine.agent->stop();
  } else {
    machine.agent->crash();
  }
  machine.agent = nullptr;
  scheduler_.after(context_.up_to(20s), [this, &machine] { start(machine); });
}

void World::restart_server() {
  if (!server_) return;
  network_.on_accept = nullptr;
  server_ = nullptr;
  scheduler_.after(context_.up_to(5s), [this] { start_server(); });
}

void World::check_step() {
  if (server_) server_->check();
  for (const Machine& machine : machines_) {
    if (machine.agent) machine.agent->check();
  }
  std::erase_if(pending_, [&](const ClientPtr& client) {
    if (client->outcome == Outcome::delivered) ++tally_.delivered;
    return client->outcome != Outcome::pending;
  });
  for (const ClientPtr& client : pending_) {
    ledger_.require(scheduler_.now() <= client->limit, "a client was kept waiting beyond its limit");
  }
}

void World::check_recovered() {
  for (const Machine& machine : machines_) {
    const bool twin_serves = std::any_of(machines_.begin(), machines_.end(), [&](const Machine& other) {
      return other.host.identity == machine.host.identity && other.agent && other.agent->serving();
    });
    ledger_.require(twin_serves, machine.host.name + " did not come back");
    for (const auto& service : machine.settings.services) {
      const ClientPtr client = add_client(service);
      run_until(scheduler_.now() + kChannelWait);
      ledger_.require(client->outcome == Outcome::delivered,
                      service + " cannot be reached: " + std::string(reason_code(client->reason)));
    }
  }
}

void World::check_nothing_left() {
  ledger_.require(pending_.empty(), "a client was forgotten");
  ledger_.require(server_->at_rest(), "the server kept a channel, a client or an ask");
  std::size_t unbound = 0;
  for (const Machine& machine : machines_) {
    ledger_.require(machine.agent->bound() == 0, "an agent kept a finished connection");
    unbound += machine.agent->unbound();
  }
  ledger_.require(unbound == server_->ready(), "agents and server disagree about the ready channels");
}

}  // namespace fairlead::sim
