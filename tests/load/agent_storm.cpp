// Thousands of agents in one process: each is the agent's own RendezvousLink with its own name and boot id, without
// data channels. For tests and benchmarks of a rendezvous under load.
// At most kOpeningAtOnce open their first session at a time; after a loss all come back at once, as agents do.
//   agent_storm --rendezvous 127.0.0.1:15443 --count 10000 --cert F --key F --ca F
//               [--services N] [--names shared|own] [--seconds S]
// The services of each are s0, s1, ... in every agent; with own names they are a0s0, a0s1, ... and nobody else's.
// Prints a line of JSON four times a second and ends by SIGTERM or after S seconds:
//   {"at": seconds since the start, "up":N, "registered":N, "resumed":N, "failed":N}
// up: agents with a session; registered: those of them whose services all are; resumed: those whose session began with
// a ticket; failed: attempts, of all agents since the start, that did not lead to a session.
#include <csignal>
#include <cstdio>
#include <map>
#include <string>

#include "agent/session/rendezvous_link.h"
#include "common/base/json_writer.h"
#include "common/base/log.h"
#include "common/crypto/system_rng.h"
#include "common/net/signals.h"
#include "common/wire/alpn.h"

namespace fairlead {
namespace {

constexpr const char* kCluster = "load";
constexpr std::size_t kOpeningAtOnce = 64;
constexpr Duration kReportEvery = 250ms;

struct Options {
  std::map<std::string, std::string> values;
  std::string text(const std::string& key) const { return values.count(key) ? values.at(key) : ""; }
  std::size_t number(const std::string& key, std::size_t otherwise) const {
    return values.count(key) ? std::stoul(values.at(key)) : otherwise;
  }
};

class StormAgent final : public agent::LinkOwner {
 public:
  StormAgent(agent::AgentTools& tools, tls::TlsClientContext& context, std::string name, const HostPort& server)
      : context_(context), name_(std::move(name)), leftovers_(tools.loop), link_(tools, *this, server) {
    tools.rng.fill(boot_id_);
  }
  void start() { link_.activate(); }
  void close() { link_.close(Reason::shutting_down); }
  bool opening() const { return link_.state() != agent::RendezvousLink::State::standby && sessions_ == 0; }
  bool up() const { return link_.state() == agent::RendezvousLink::State::up; }
  bool resumed() const { return up() && link_.resumed(); }
  std::uint64_t failed() const { return failed_; }
  bool registered() const {
    for (const auto& service : link_.services()) {
      if (service.kind != agent::ServiceState::Kind::registered) return false;
    }
    return up();
  }

 private:
  tls::TlsClientContext& session_context() override { return context_; }
  void on_renewal_answer(agent::RendezvousLink& /*link*/, const wire::Renewed& /*answer*/) override {}
  wire::Hello next_hello() override {
    return {.software = "agent_storm",
            .endpoint = name_,
            .cluster = kCluster,
            .boot_id = boot_id_,
            .counter = ++hellos_,
            .pool_min = 0,
            .pool_max = 1};
  }
  bool is_duplicate(const agent::RendezvousLink&, const wire::InstanceId&) override { return false; }
  tls::TlsClientContext& verify_context() override { return context_; }
  std::vector<agent::nat::Candidate> candidates() override { return {}; }
  void on_candidate_judged(agent::RendezvousLink&, std::uint32_t, const std::string&) override {}
  void on_link_changed(agent::RendezvousLink&) override {
    if (up() && !std::exchange(held_, true)) ++sessions_;
  }
  void on_link_failed(agent::RendezvousLink&) override {
    if (!std::exchange(held_, false)) ++failed_;
  }
  agent::Leftovers& leftovers() override { return leftovers_; }

  tls::TlsClientContext& context_;
  std::string name_;
  wire::BootId boot_id_{};
  std::uint64_t hellos_ = 0;
  std::uint64_t sessions_ = 0;
  std::uint64_t failed_ = 0;
  bool held_ = false;  // a session, until the loss of it was told
  agent::Leftovers leftovers_;
  agent::RendezvousLink link_;
};

// What the agents of one configuration share.
class Crew {
 public:
  Crew(net::Loop& loop, const net::RelayTools& channel, agent::Counters& counters, Rng& rng)
      : tools_{.loop = loop,
               .channel = channel,
               .config = config_,
               .counters = counters,
               .rng = rng,
               .cluster = kCluster} {
    config_.pool = {.min = 0, .max = 1};
  }
  void serve(const std::string& prefix, std::size_t services) {
    for (std::size_t i = 0; i < services; ++i) {
      config_.services.push_back({.name = prefix + std::to_string(i), .target = HostPort{"127.0.0.1", 9}, .port = 9});
    }
  }
  agent::AgentTools& tools() { return tools_; }

 private:
  agent::AgentConfig config_;
  agent::AgentTools tools_;
};

class Storm {
 public:
  Storm(const Options& options, std::shared_ptr<const tls::Credentials> credentials)
      : context_({.credentials = std::move(credentials), .alpn = {wire::kSessionAlpn}, .clock = net::wall_now}),
        poller_(loop_),
        farewells_(poller_),
        begin_(loop_.now()),
        more_([](void* self) { static_cast<Storm*>(self)->start_some(); }, this),
        report_([](void* self) { static_cast<Storm*>(self)->report(); }, this),
        end_([](void* self) { static_cast<Storm*>(self)->stop(); }, this) {
    const HostPort server = HostPort::parse(options.text("--rendezvous")).value_or(HostPort{});
    const bool own_names = options.text("--names") == "own";
    for (std::size_t i = 0; i < options.number("--count", 100); ++i) {
      const std::string name = "a" + std::to_string(i);
      if (own_names || crews_.empty()) {
        crews_.push_back(std::make_unique<Crew>(loop_, net::RelayTools{poller_, pipes_, farewells_}, counters_, rng_));
        crews_.back()->serve(own_names ? name + "s" : "s", options.number("--services", 1));
      }
      agents_.push_back(std::make_unique<StormAgent>(crews_.back()->tools(), context_, name, server));
    }
    loop_.timers().arm(end_, loop_.now() + std::chrono::seconds(options.number("--seconds", 300)));
  }

  void run() {
    const net::SignalWatcher term(loop_, SIGTERM, [this] { stop(); });
    start_some();
    report();
    loop_.run();
  }

 private:
  void start_some() {
    std::size_t opening = 0;
    for (std::size_t i = 0; i < started_; ++i) opening += agents_[i]->opening();
    for (; started_ < agents_.size() && opening < kOpeningAtOnce; ++started_, ++opening) agents_[started_]->start();
    if (started_ < agents_.size()) loop_.timers().arm(more_, loop_.now() + 20ms);
  }
  void report() {
    std::uint64_t up = 0;
    std::uint64_t registered = 0;
    std::uint64_t resumed = 0;
    std::uint64_t failed = 0;
    for (const auto& agent : agents_) {
      up += agent->up();
      registered += agent->registered();
      resumed += agent->resumed();
      failed += agent->failed();
    }
    const double at = std::chrono::duration<double>(loop_.now() - begin_).count();
    JsonWriter json;
    json.begin_object().field("at", at).field("up", up).field("registered", registered);
    json.field("resumed", resumed).field("failed", failed).end_object();
    std::puts(json.text().c_str());
    std::fflush(stdout);
    loop_.timers().arm(report_, loop_.now() + kReportEvery);
  }
  void stop() {
    for (const auto& agent : agents_) agent->close();
    loop_.stop();
  }

  agent::Counters counters_;
  crypto::SystemRng rng_;
  tls::TlsClientContext context_;
  net::Loop loop_;
  net::Poller poller_;
  net::PipePool pipes_;
  net::Farewells farewells_;
  TimePoint begin_;
  std::vector<std::unique_ptr<Crew>> crews_;
  std::vector<std::unique_ptr<StormAgent>> agents_;
  std::size_t started_ = 0;
  core::TimerEntry more_;
  core::TimerEntry report_;
  core::TimerEntry end_;
};

}  // namespace
}  // namespace fairlead

int main(int argc, char** argv) {
  using namespace fairlead;
  net::ignore_sigpipe();
  set_log_level(Level::error);
  Options options;
  for (int i = 1; i + 1 < argc; i += 2) options.values[argv[i]] = argv[i + 1];
  auto credentials = tls::Credentials::load({options.text("--cert"), options.text("--key"), options.text("--ca")});
  if (!credentials) {
    std::fprintf(stderr, "agent_storm: %s\n", credentials.error().detail.c_str());
    return 2;
  }
  Storm(options, std::move(*credentials)).run();
  return 0;
}
