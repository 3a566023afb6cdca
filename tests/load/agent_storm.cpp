// Thousands of agents in one process: each is the agent's own RendezvousLink with its own name and boot id, without
// data channels. For tests and benchmarks of a rendezvous under load.
// At most kOpeningAtOnce open their first session at a time; after a loss all come back at once, as agents do.
//   agent_storm --rendezvous 127.0.0.1:15443 --count 10000 --cert F --key F --ca F [--services N] [--seconds S]
// Prints a JSON line a second: {"up":N,"registered":N,"resumed":N}. Ends by SIGTERM or after S seconds.
#include <csignal>
#include <cstdio>
#include <map>
#include <string>

#include "agent/rendezvous_link.h"
#include "common/base/json_writer.h"
#include "common/base/log.h"
#include "common/crypto/system_rng.h"
#include "common/net/signals.h"

namespace fairlead {
namespace {

constexpr const char* kCluster = "load";
constexpr std::size_t kOpeningAtOnce = 64;

class StormAgent final : public agent::LinkOwner {
 public:
  StormAgent(agent::AgentTools& tools, tls::TlsClientContext& context, std::string name, const HostPort& server)
      : context_(context), rng_(tools.rng), name_(std::move(name)), link_(tools, *this, server) {
    rng_.fill(boot_id_);
  }
  void start() { link_.activate(); }
  void close() { link_.close(Reason::shutting_down); }
  bool opening() const { return link_.state() != agent::RendezvousLink::State::standby && !was_up_ && !up(); }
  bool up() const { return link_.state() == agent::RendezvousLink::State::up; }
  bool registered() const {
    for (const auto& service : link_.services()) {
      if (service.kind != agent::ServiceState::Kind::registered) return false;
    }
    return up();
  }

 private:
  tls::TlsClientContext& tls_context() override { return context_; }
  wire::Hello next_hello() override {
    return {.software = "agent_storm",
            .endpoint = name_,
            .cluster = kCluster,
            .boot_id = boot_id_,
            .counter = ++sessions_,
            .pool_min = 0,
            .pool_max = 1};
  }
  WallTime wall_now() override { return net::wall_now(); }
  void on_server_time(WallTime) override {}
  bool is_duplicate(const agent::RendezvousLink&, const wire::InstanceId&) override { return false; }
  tls::TlsClientContext& verify_context() override { return context_; }
  std::vector<agent::nat::Candidate> candidates() override { return {}; }
  void on_candidate_judged(agent::RendezvousLink&, std::uint32_t, const std::string&) override {}
  void on_link_changed(agent::RendezvousLink&) override { was_up_ |= up(); }
  void on_link_failed(agent::RendezvousLink&) override {}
  void keep_until_done(std::unique_ptr<agent::SessionChannels> channels) override { ended_ = std::move(channels); }

  tls::TlsClientContext& context_;
  Rng& rng_;
  std::string name_;
  wire::BootId boot_id_{};
  std::uint64_t sessions_ = 0;
  bool was_up_ = false;
  std::unique_ptr<agent::SessionChannels> ended_;
  agent::RendezvousLink link_;
};

struct Options {
  std::map<std::string, std::string> values;
  std::string text(const std::string& key) const { return values.count(key) ? values.at(key) : ""; }
  std::size_t number(const std::string& key, std::size_t otherwise) const {
    return values.count(key) ? std::stoul(values.at(key)) : otherwise;
  }
};

class Storm {
 public:
  Storm(const Options& options, std::shared_ptr<const tls::Credentials> credentials)
      : context_({.credentials = std::move(credentials), .alpn = {"fairlead/1"}, .clock = net::wall_now}),
        poller_(loop_),
        farewells_(poller_),
        tools_{.loop = loop_,
               .channel = {poller_, pipes_, farewells_},
               .config = config_,
               .counters = counters_,
               .rng = rng_,
               .relays_max = 0,
               .cluster = kCluster},
        count_(options.number("--count", 100)),
        more_([](void* self) { static_cast<Storm*>(self)->start_some(); }, this),
        report_([](void* self) { static_cast<Storm*>(self)->report(); }, this),
        end_([](void* self) { static_cast<Storm*>(self)->stop(); }, this) {
    config_.pool = {.min = 0, .max = 1};
    for (std::size_t i = 0; i < options.number("--services", 1); ++i) {
      config_.services.push_back({.name = "s" + std::to_string(i), .target = HostPort{"127.0.0.1", 9}, .port = 9});
    }
    server_ = HostPort::parse(options.text("--rendezvous")).value_or(HostPort{});
    loop_.timers().arm(end_, loop_.now() + std::chrono::seconds(options.number("--seconds", 300)));
  }

  void run() {
    const net::SignalWatcher term(loop_, SIGTERM, [this] { stop(); });
    for (std::size_t i = 0; i < count_; ++i) {
      agents_.push_back(std::make_unique<StormAgent>(tools_, context_, "a" + std::to_string(i), server_));
    }
    start_some();
    report();
    loop_.run();
  }

 private:
  void start_some() {
    std::size_t opening = 0;
    for (std::size_t i = 0; i < started_; ++i) opening += agents_[i]->opening();
    for (; started_ < count_ && opening < kOpeningAtOnce; ++started_, ++opening) agents_[started_]->start();
    if (started_ < count_) loop_.timers().arm(more_, loop_.now() + 20ms);
  }
  void report() {
    std::size_t up = 0;
    std::size_t registered = 0;
    for (const auto& agent : agents_) {
      up += agent->up();
      registered += agent->registered();
    }
    JsonWriter json;
    json.begin_object().field("up", static_cast<std::uint64_t>(up));
    json.field("registered", static_cast<std::uint64_t>(registered)).end_object();
    std::puts(json.text().c_str());
    std::fflush(stdout);
    loop_.timers().arm(report_, loop_.now() + 250ms);
  }
  void stop() {
    for (const auto& agent : agents_) agent->close();
    loop_.stop();
  }

  agent::AgentConfig config_;
  agent::Counters counters_;
  crypto::SystemRng rng_;
  tls::TlsClientContext context_;
  net::Loop loop_;
  net::Poller poller_;
  net::PipePool pipes_;
  net::Farewells farewells_;
  agent::AgentTools tools_;
  std::size_t count_;
  HostPort server_;
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
