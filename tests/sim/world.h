#pragma once
// One simulated world, made and driven by one seed: a rendezvous, some agents (one perhaps with a clone), clients,
// faults and an attacker; then a calm in which everything must become well again. Throws Violation when a promise is
// broken.
#include <deque>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/sim/attacker.h"
#include "tests/sim/sim_agent.h"
#include "tests/sim/sim_server.h"

namespace fairlead::sim {

struct Violation : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Tally {
  std::size_t steps = 0;
  std::size_t clients = 0;
  std::size_t delivered = 0;
  std::size_t accepted = 0;  // tickets, headers and answers
};

class World {
 public:
  explicit World(std::uint64_t seed);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  Tally run();

 private:
  struct Machine {
    Host host;
    AgentSettings settings;
    std::unique_ptr<SimAgent> agent;  // null while it is down
    bool clone = false;
  };

  void make_machines();
  void start(Machine& machine);
  void start_server();
  void fault();
  void harm_connection();
  void mute_one_way(const ConnectionPtr& connection);
  void restart_agent(Machine& machine);
  void restart_server();
  void traffic();
  ClientPtr add_client(const std::string& service);
  void run_until(TimePoint until);
  void check_step();
  void check_recovered();
  void check_nothing_left();
  std::string any_service();

  SeededRng rng_;
  Scheduler scheduler_;
  Network network_{scheduler_, rng_};
  Ledger ledger_;
  Context context_{scheduler_, rng_, network_, ledger_};
  Attacker attacker_{context_};
  std::unique_ptr<SimServer> server_;  // null while it is down
  std::deque<Machine> machines_;
  std::vector<std::weak_ptr<Connection>> connections_;
  std::vector<ClientPtr> pending_;
  Tally tally_;
  bool calm_ = false;
  bool quiet_ = false;  // no new clients
};

}  // namespace fairlead::sim
