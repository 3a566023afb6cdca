#include "agent/agent.h"

#include <algorithm>
#include <csignal>

#include "agent/resource/host_label.h"
#include "common/base/log.h"
#include "common/base/pattern.h"
#include "common/base/version.h"
#include "common/confine/program.h"
#include "common/net/descriptor_table.h"
#include "common/net/socket.h"
#include "common/tls/private_file.h"
#include "common/tls/time_text.h"
#include "common/wire/alpn.h"

namespace fairlead::agent {
namespace {

constexpr const char* kAgentPattern = "spiffe://{trust_domain}/agent/{cluster}/{name}";
constexpr Duration kStopCheck = 50ms;
// After a gateway seems to have lost its state.
constexpr Duration kRefreshIdle = 1s;
constexpr Duration kRefreshTime = 10s;
constexpr Duration kUnmapTime = 3s;  // for the gateways to delete our mappings

// More of them come in time: 32 KiB that every agent pays at its start.
constexpr std::size_t kDescriptorTable = 4096;

DescriptorPlan plan_of(const AgentConfig& config) {
  DescriptorPlan plan = plan_descriptors({.open_files = net::raise_open_files(),
                                          .channels = config.pool.max * config.rendezvous.size(),
                                          .relays = config.limits.relays_max});
  if (!plan.cut.empty()) log(Level::warn, "a limit is lower than configured", {{"detail", plan.cut}});
  net::grow_descriptor_table(std::min(plan.sum, kDescriptorTable));
  return plan;
}

// Listened on after capabilities were given up.
bool is_privileged(const ListenAddress& listen) {
  constexpr std::uint16_t kFirstFreePort = 1024;
  const auto* tcp = std::get_if<SocketAddress>(&listen);
  return tcp != nullptr && tcp->port != 0 && tcp->port < kFirstFreePort;
}

}  // namespace

Result<std::unique_ptr<Agent>> Agent::open(AgentConfig config, std::string config_path, OnReachable on_reachable) {
  auto identities = load_identities(config);
  if (!identities) return tl::unexpected(identities.error());
  for (const std::string& warning : identities->own->warnings()) log(Level::warn, warning);
  std::unique_ptr<Agent> agent(
      new Agent(std::move(config), std::move(config_path), std::move(*identities), std::move(on_reachable)));
  if (auto opened = agent->open_control(); !opened) return tl::unexpected(opened.error());
  return agent;
}

Agent::Agent(AgentConfig config, std::string config_path, Identities identities, OnReachable on_reachable)
    : config_(std::move(config)),
      config_path_(std::move(config_path)),
      credentials_(std::move(identities.own)),
      on_reachable_(std::move(on_reachable)),
      tls_context_(make_context(wire::kSessionAlpn)),
      verify_context_(make_context(wire::kVerifyAlpn)),
      poller_(loop_),
      descriptors_(plan_of(config_)),
      pipes_(memory_of(config_.limits).large_pipes(), descriptors_.pipes),
      farewells_(poller_, memory_of(config_.limits).callers_max(descriptors_.farewells)),
      tools_{.loop = loop_,
             .channel = {poller_, pipes_, farewells_},
             .config = config_,
             .counters = counters_,
             .rng = rng_,
             .room{descriptors_.relays, memory_of(config_.limits)},
             .descriptors = descriptors_,
             .clock = DeviceClock(config_.state_dir.empty() ? "" : config_.state_dir + "/clock", build_time(),
                                  {credentials_->not_before(), credentials_->not_after()})},
      started_(host_time().boottime),
      leftovers_(loop_),
      late_line_(tools_, [this](const wire::Renewed& answer) { renewer_.on_answer(late_line_, answer); }),
      renewer_(
          tools_, [this] { return renewal_lines(); }, [this] { reload_identity(); }),
      direct_(tools_, links_, endpoint_, [this] { refresh_paths(); }),
      choice_(config_.rendezvous.size()),
      tick_([](void* self) { static_cast<Agent*>(self)->on_tick(); }, this) {
  look_at_state_dir();
  rng_.fill(boot_id_);
  adopt_names();
  replace_terminations(std::move(identities.of_services));
  start_links();
}

Agent::~Agent() = default;

void Agent::look_at_state_dir() {
  if (config_.state_dir.empty()) return;
  const auto writable = tls::check_writable(config_.state_dir);
  if (writable) return;
  state_problem_ = writable.error();
  log(Level::warn, "state_dir cannot be written; what it keeps is lost with this program",
      {{"reason", reason_code(state_problem_->reason)}, {"detail", state_problem_->detail}});
}

tls::TlsClientContext Agent::make_context(const char* alpn) {
  return tls::TlsClientContext(
      {.credentials = credentials_, .alpn = {alpn}, .clock = [this] { return tools_.clock.read(host_time()); }});
}

// What the configuration leaves open comes from the certificate, then from the host.
void Agent::adopt_names() {
  Captures captures;
  captures["trust_domain"] = std::string(credentials_->trust_domain());
  const bool known = pattern_match(PatternKind::spiffe, kAgentPattern, credentials_->spiffe_id(), captures);
  endpoint_ = !config_.name.empty() ? config_.name : known ? captures["name"] : host_label();
  tools_.cluster = !config_.cluster.empty() ? config_.cluster : known ? captures["cluster"] : "";
}

void Agent::start_links() {
  for (const HostPort& server : config_.rendezvous) {
    links_.push_back(std::make_unique<RendezvousLink>(tools_, *this, server));
  }
}

std::vector<RenewalLine*> Agent::renewal_lines() {
  std::vector<RenewalLine*> out;
  for (const auto& link : links_) out.push_back(link.get());
  out.push_back(&late_line_);
  return out;
}

Result<void> Agent::open_control() {
  if (config_.control_path.empty()) return {};
  auto control =
      net::ControlServer::open(loop_, poller_, config_.control_path,
                               [this](const wire::HttpRequest& request) { return on_control_request(request); });
  if (control) {
    control_ = std::move(*control);
  } else if (control.error().reason == Reason::address_in_use || control.error().reason == Reason::config_invalid) {
    return tl::unexpected(control.error());
  } else {
    log(Level::warn, "no status socket; `status` will not work", {{"detail", control.error().detail}});
  }
  return {};
}

void Agent::run() {
  signals_.push_back(std::make_unique<net::SignalWatcher>(loop_, SIGTERM, [this] { on_terminate(); }));
  signals_.push_back(std::make_unique<net::SignalWatcher>(loop_, SIGINT, [this] { on_terminate(); }));
  signals_.push_back(std::make_unique<net::SignalWatcher>(loop_, SIGHUP, [this] { on_hangup(); }));
  network_ =
      std::make_unique<net::NetworkWatch>(loop_, poller_, [this](net::NetworkEvent event) { on_network(event); });
  watch_identity();
  begin();
  confine();
  look_at_calls();
  loop_.run();
}

// Where UPnP may be asked, this program is run again as its helper; root's helper becomes nobody, and is ended by us.
void Agent::confine() const {
  using confine::Capability;
  if (!config_.confine) return log(Level::warn, "not confined: agent.confine is false");
  std::vector<Capability> kept{Capability::net_raw, Capability::dac_read_search, Capability::sys_resource};
  const auto& asked = config_.nat.mapping;
  const bool helper = !config_.nat.listen.empty() && std::ranges::count(asked, MappingProtocol::upnp) > 0;
  if (helper) kept.insert(kept.end(), {Capability::setuid, Capability::setgid, Capability::kill});
  if (std::ranges::any_of(config_.egress, is_privileged, &EgressConfig::listen) ||
      (config_.proxy && is_privileged(*config_.proxy)))
    kept.push_back(Capability::net_bind_service);
  const confine::ProgramRights rights{.capabilities = kept,
                                      .programs = helper ? confine::Programs::may_be_run : confine::Programs::none};
  log(Level::debug, "confined", {{"by", confine::confine_program(rights)}});
}

void Agent::begin() {
  const tls::ClockReading clock = tools_.clock.read(host_time());
  if (clock.kind == tls::ClockReading::Kind::earliest) {
    log(Level::warn, "the system clock is wrong; servers may be newer than it until one tells the time",
        {{"system", tls::time_text(net::wall_now())}, {"not_before", tls::time_text(clock.time)}});
  }
  tell_of_direct();
  direct_.start(credentials_, [this] { return tools_.wall_now(); });
  renewer_.use(credentials_);
  for (std::size_t i = 0; i < choice_.first(); ++i) links_[i]->activate();
}

// What strangers may reach and a router is asked for must not come as a surprise.
void Agent::tell_of_direct() const {
  const NatConfig& nat = config_.nat;
  if (nat.listen.empty()) return;
  log(Level::info, nat.mapping.empty()
                       ? "direct connections: a port is opened on this host"
                       : "direct connections: a port is opened on this host, and the router is asked to "
                         "forward it; [nat] mapping = \"off\" and listen = [] switch that off");
}

wire::Hello Agent::next_hello() {
  return {.features = wire::kFeatureRenewal,
          .software = "fairlead-agent " FAIRLEAD_VERSION,
          .endpoint = endpoint_,
          .cluster = tools_.cluster,
          .boot_id = boot_id_,
          .counter = ++sessions_opened_,
          .pool_min = static_cast<std::uint16_t>(tools_.room.memory().pool_max(config_.pool.min)),
          .pool_max = static_cast<std::uint16_t>(tools_.room.memory().pool_max(config_.pool.max))};
}

bool Agent::is_duplicate(const RendezvousLink& link, const wire::InstanceId& instance) {
  return std::any_of(links_.begin(), links_.end(), [&](const auto& each) {
    return each.get() != &link && each->state() == RendezvousLink::State::up && each->instance() == instance;
  });
}

void Agent::on_candidate_judged(RendezvousLink& link, std::uint32_t number, const std::string& code) {
  // What was reachable and is not any more: the gateway may have restarted, and knows no connection of ours now.
  const bool lost = !code.empty() && direct_.was_live(number);
  direct_.on_judged(number, code);
  on_link_changed(link);
  if (lost) refresh_paths();
  arm_tick();
}

void Agent::on_link_changed(RendezvousLink& link) {
  direct_.on_link_changed(link);
  if (calls_) calls_->on_clock(tools_.clock);  // a server may have told the time
  renewer_.on_lines_changed();
  arm_tick();
  if (!on_reachable_) return;
  for (std::size_t i = 0; i < config_.services.size(); ++i) {
    const std::string& name = config_.services[i].name;
    const ServiceReport report = service_report(i);
    if (reachable_.contains(name) || report.path == "down") continue;
    reachable_.insert(name);
    on_reachable_(report);
  }
}

void Agent::on_link_failed(RendezvousLink& link) {
  if (stopping_.begun()) return;
  look_at_refusal(link);
  const auto at = std::ranges::find_if(links_, [&](const auto& each) { return each.get() == &link; });
  const auto next = choice_.on_failed(static_cast<std::size_t>(at - links_.begin()));
  if (!next) return;
  link.rest();
  links_[*next]->activate();
}

// Without a session the next certificate is asked for by another way.
void Agent::look_at_refusal(const RendezvousLink& link) {
  const auto& why = link.last_error();
  if (!why || why->reason != Reason::session_certificate_ended || config_.renewal == Renewal::off) return;
  late_line_.open(*credentials_);
  renewer_.on_ended();
}

void Agent::on_network(net::NetworkEvent event) {
  if (stopping_.begun()) return;  // nothing new is opened while draining
  log(Level::info, "network changed",
      {{"reason", reason_code(Reason::network_changed)},
       {"detail", event == net::NetworkEvent::resumed ? "resumed" : "changed"}});
  tools_.names.network_changed();
  for (const auto& link : links_) link->check_path();
  if (calls_) calls_->network_changed();
  if (direct_.problem()) direct_.start(credentials_, [this] { return tools_.wall_now(); });
  direct_.on_network_changed();
}

void Agent::refresh_paths() {
  refresh_until_ = loop_.now() + kRefreshTime;
  keep_relays_alive(kRefreshIdle);
  for (const auto& link : links_) link->check_path();
  arm_tick();
}

void Agent::keep_relays_alive(Duration idle) {
  for (const auto& link : links_) link->keep_alive(idle);
  leftovers_.keep_alive(idle);
}

void Agent::arm_tick() {
  if (stopping_.begun()) return;  // on_tick looks again by itself
  std::optional<TimePoint> due = direct_.deadline();
  if (refresh_until_) due = std::min(due.value_or(TimePoint::max()), *refresh_until_);
  if (!due) return tick_.cancel();
  loop_.timers().arm(tick_, *due);
}

void Agent::on_tick() {
  if (stopping_.begun()) {
    if (stopping_.done(loop_.now(), tools_.room.relays())) return stop();
    loop_.timers().arm(tick_, loop_.now() + kStopCheck);
    return;
  }
  direct_.on_time();
  if (refresh_until_ && loop_.now() >= *refresh_until_) {
    refresh_until_.reset();
    keep_relays_alive(kChannelKeepAlive);
  }
  arm_tick();
}

void Agent::on_terminate() {
  if (stopping_.begin(loop_.now(), config_.drain_timeout, kUnmapTime) == StopPlan::Step::stop_now) return stop();
  log(Level::info, "draining; a second signal stops at once");
  renewer_.stop();
  late_line_.close();
  direct_.stop(kUnmapTime, [this] { stopping_.on_unmapped(); });
  if (calls_) calls_->stop_listening();
  for (const auto& link : links_) link->drain(config_.drain_timeout);
  loop_.timers().arm(tick_, loop_.now() + kStopCheck);
}

void Agent::stop() {
  tick_.cancel();
  renewer_.stop();
  late_line_.close();
  for (const auto& link : links_) link->close(Reason::shutting_down);
  leftovers_.close_all(Reason::shutting_down);
  direct_.shut_down(Reason::shutting_down);
  if (calls_) calls_->shut_down();
  log(Level::info, "stopped");
  loop_.stop();
}

}  // namespace fairlead::agent
