#include "rendezvous/server.h"

#include <algorithm>
#include <csignal>
#include <filesystem>

#include "common/base/log.h"
#include "common/confine/program.h"
#include "common/net/descriptor_table.h"
#include "common/net/socket.h"
#include "common/tls/private_file.h"

namespace fairlead::rendezvous {
namespace {

constexpr Duration kDrainCheck = 50ms;
constexpr std::uint16_t kFirstFreePort = 1024;

crypto::SystemRng& system_rng() {
  static crypto::SystemRng rng;  // without state: the kernel's
  return rng;
}

std::vector<std::string> to_strings(const std::vector<HostPort>& addresses) {
  std::vector<std::string> out;
  for (const HostPort& each : addresses) out.push_back(each.to_string());
  return out;
}

GroundWishes ground_wishes(const ServerConfig& config) {
  GroundWishes wishes{.verify_from = config.verify_from, .any_scope = config.verify_any_address};
  for (const HostPort& each : config.public_addresses) {
    if (const auto ip = IpAddress::parse(each.host)) wishes.public_addresses.push_back(*ip);
  }
  return wishes;
}

Registry make_registry(const RendezvousConfig& config, const tls::Credentials& credentials) {
  return Registry(Policy(config.policy, std::string(credentials.trust_domain())),
                  OwnNames(own_names(config, credentials), config.server.domains),
                  RegistryLimits{config.limits.services_per_agent});
}

std::vector<ListenPlan> listen_plans(const RendezvousConfig& config) {
  std::vector<ListenPlan> out;
  for (const ListenerConfig& each : config.listeners) out.push_back({each.address, {each.accept, each.proxy_from, ""}});
  for (const PortConfig& each : config.ports) {
    out.push_back({each.listen, {AcceptSet{.tls = true, .ticket = false}, {}, each.service}});
  }
  return out;
}

}  // namespace

// What the configuration leaves open: its addresses' hosts and the certificate's names.
std::vector<std::string> own_names(const RendezvousConfig& config, const tls::Credentials& credentials) {
  if (!config.server.names.empty()) return config.server.names;
  std::vector<std::string> names = credentials.dns_names();
  for (const HostPort& each : config.server.public_addresses) names.push_back(normalize_name(each.host));
  return names;
}

Result<DescriptorBudget> descriptor_budget(const RendezvousConfig& config) {
  const unsigned workers = config.server.workers;
  return deal_descriptors(config.limits,
                          {.open_files = net::raise_open_files(),
                           .workers = workers != 0 ? workers : std::max(1u, std::thread::hardware_concurrency()),
                           .listeners = config.listeners.size() + config.ports.size()});
}

RendezvousConfig completed(RendezvousConfig config, const DescriptorBudget& budget) {
  for (const std::string& each : budget.cut) log(Level::warn, "a limit is lower than configured", {{"detail", each}});
  config.limits = budget.limits;
  if (config.limits.relay_memory == 0) config.limits.relay_memory = net::tcp_memory_of_host() / 2;
  config.server.workers = static_cast<unsigned>(budget.workers);
  return config;
}

Result<std::unique_ptr<Server>> Server::open(RendezvousConfig config, std::string config_path) {
  auto credentials = tls::Credentials::load({config.identity.cert, config.identity.key, config.identity.ca});
  if (!credentials) return tl::unexpected(credentials.error());
  for (const std::string& warning : (*credentials)->warnings()) log(Level::warn, warning);
  if (const auto writable = tls::check_writable(config.server.state_dir); !writable) {
    log(Level::warn, "state_dir cannot be written; what it keeps is lost with this program",
        {{"reason", reason_code(writable.error().reason)}, {"detail", writable.error().detail}});
  }
  auto keys = tls::TicketKeys::open(std::filesystem::path(config.server.state_dir) / "ticket.keys", system_rng(),
                                    net::wall_now());
  if (const auto problem = keys->take_problem()) log(Level::warn, "ticket keys", {{"detail", problem->detail}});
  auto joining = Joining::open(config.signer, config.server.state_dir, join_facts(config.server, **credentials));
  if (!joining) return tl::unexpected(joining.error());
  const auto revoked = (*joining)->revoked();
  if (!revoked) return tl::unexpected(revoked.error());
  const auto budget = descriptor_budget(config);
  if (!budget) return tl::unexpected(budget.error());
  net::grow_descriptor_table(budget->open_files);
  log(Level::info, "descriptors", {{"open_files", budget->open_files}, {"shares", describe(*budget)}});
  std::unique_ptr<Server> server(new Server(std::move(config), std::move(config_path), std::move(*credentials),
                                            std::move(keys), std::move(*joining), *budget));
  server->registry_.replace_revoked({revoked->begin(), revoked->end()});
  if (auto listening = server->listeners_.open(); !listening) return tl::unexpected(listening.error());
  if (auto opened = server->open_admin(); !opened) return tl::unexpected(opened.error());
  return server;
}

Server::Server(RendezvousConfig config, std::string config_path, std::shared_ptr<const tls::Credentials> credentials,
               std::shared_ptr<tls::TicketKeys> ticket_keys, std::unique_ptr<Joining> joining,
               const DescriptorBudget& budget)
    : read_(std::move(config)),
      config_(completed(read_, budget)),
      config_path_(std::move(config_path)),
      credentials_(std::move(credentials)),
      ticket_keys_(std::move(ticket_keys)),
      started_(net::wall_now()),
      poller_(loop_),
      shared_(config_.limits, config_.log.access,
              std::make_shared<const Snapshot>(route::NameTable(), std::make_shared<const OwnNames>())),
      registry_(loop_, shared_.routes, make_registry(config_, *credentials_),
                to_strings(config_.server.public_addresses)),
      handshakes_(loop_, shared_.counters, shared_.gauges.sessions, ticket_keys_, config_.limits),
      join_thread_(std::move(joining)),
      listeners_(
          listen_plans(config_),
          [this](const SocketAddress& address, ListenManner manner) {
            return bind_for_workers(address, workers_.size(), config_.server.state_dir, manner);
          },
          [this](std::vector<net::Fd> sockets, const ListenerRules& rules) { hand_out(std::move(sockets), rules); }),
      reports_(loop_),
      drain_timer_([](void* self) { static_cast<Server*>(self)->on_drain_time(); }, this),
      listen_timer_([](void* self) { static_cast<Server*>(self)->listen_again(); }, this),
      minute_timer_([](void* self) { static_cast<Server*>(self)->on_minute(); }, this) {
  system_rng().fill(shared_.instance);
  shared_.started = loop_.now();
  shared_.domains = config_.server.domains;
  survey_network();
  if (auto first = registry_.registry().publish()) shared_.routes.publish(std::move(first));
  const unsigned count = config_.server.workers;
  shared_.large_pipes = std::max<std::size_t>(1, net::kMaxLargePipes / count);
  shared_.most_pipes = budget.pipes_per_worker;
  shared_.most_farewells = budget.farewells_per_worker;
  const ControlOptions options{
      .credentials = credentials_, .ticket_keys = ticket_keys_, .instance_address = config_.server.instance_address};
  for (unsigned i = 0; i < count; ++i) {
    controls_.push_back(
        std::make_unique<ControlThread>(shared_, control_shared_, registry_, join_thread_, config_.limits, options));
    workers_.push_back(
        std::make_unique<Worker>(i, shared_, config_.limits, system_rng().next(),
                                 [this](ControlInbound inbound) { handshakes_.take(std::move(inbound)); }));
    shared_.workers.push_back(workers_.back().get());
  }
  std::vector<HandshakeTaker*> takers;
  for (const auto& control : controls_) takers.push_back(control.get());
  handshakes_.set_takers(std::move(takers));
}

Server::~Server() = default;

// To the workers, which run already when an address appears late.
void Server::hand_out(std::vector<net::Fd> sockets, const ListenerRules& rules) {
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    workers_[i]->post([each = workers_[i].get(), fd = std::move(sockets[i]), rules]() mutable {
      each->listen(std::move(fd), rules);
    });
  }
}

void Server::listen_again() {
  if (serving_.state() != Serving::State::serving || listeners_.complete()) return;
  listeners_.try_again();
  if (!listeners_.complete()) loop_.timers().arm(listen_timer_, loop_.now() + kListenAgain);
}

Result<void> Server::open_admin() {
  auto admin = net::ControlServer::open(loop_, poller_, config_.server.admin_path,
                                        [this](const wire::HttpRequest& request, net::ControlServer::Answer answer) {
                                          on_admin_request(request, std::move(answer));
                                        });
  if (!admin) return tl::unexpected(admin.error());
  admin_ = std::move(*admin);
  return {};
}

Result<void> Server::start_threads() {
  if (auto started = join_thread_.start(); !started) return started;
  for (const auto& control : controls_) {
    if (auto started = control->start(); !started) return started;
  }
  for (const auto& worker : workers_) {
    if (auto started = worker->start(); !started) return started;
  }
  return reports_.start();
}

Result<void> Server::run() {
  confine();
  if (auto started = start_threads(); !started) {
    stop();
    return started;
  }
  on_minute();
  signals_.push_back(std::make_unique<net::SignalWatcher>(loop_, SIGTERM, [this] { on_terminate(); }));
  signals_.push_back(std::make_unique<net::SignalWatcher>(loop_, SIGINT, [this] { on_terminate(); }));
  signals_.push_back(std::make_unique<net::SignalWatcher>(loop_, SIGHUP, [this] { reload(); }));
  watch_identity();
  network_ =
      std::make_unique<net::NetworkWatch>(loop_, poller_, [this](net::NetworkEvent event) { on_network_event(event); });
  listen_again();
  log(Level::info, "serving", {{"id", credentials_->spiffe_id()}, {"workers", workers_.size()}});
  loop_.run();
  return {};
}

// Everything is bound and read. What a reload, a late address or root's own key files need is kept.
void Server::confine() const {
  using confine::Capability;
  if (!config_.server.confine) return log(Level::warn, "not confined: server.confine is false");
  static constexpr Capability kKept[] = {Capability::sys_resource, Capability::dac_read_search,
                                         Capability::net_bind_service};
  const bool late_low_port = std::ranges::any_of(
      listen_plans(config_), [](const ListenPlan& plan) { return plan.address.port < kFirstFreePort; });
  const std::span kept(kKept);
  log(Level::debug, "confined",
      {{"by", confine::confine_program({.capabilities = late_low_port ? kept : kept.first(2)})}});
}

// Own addresses come and go: dial-backs leave from what is there, and never go to ourselves.
void Server::survey_network() {
  control_shared_.verify.ground.replace(make_ground(ground_wishes(config_.server), net::host_addresses()));
}

void Server::on_network_event(net::NetworkEvent event) {
  survey_network();
  listen_again();
  if (event != net::NetworkEvent::resumed) return;
  for (const auto& control : controls_) {
    control->post([each = control.get()] { each->look_at_clock(); });
  }
}

void Server::on_terminate() {
  act(serving_.on_signal(loop_.now(), config_.server.drain_delay, config_.server.drain_timeout));
}

void Server::on_drain_time() {
  act(serving_.on_time(loop_.now(), shared_.gauges.relays.used()));
}

void Server::act(ServingAction action) {
  switch (action) {
    case ServingAction::none:
      break;
    case ServingAction::tell_agents:
      log(Level::info, "draining; a second signal stops at once");
      for (const auto& control : controls_) {
        control->post([thread = control.get(), delay = config_.server.drain_delay] { thread->drain(delay); });
      }
      break;
    case ServingAction::close_listeners:
      for (const auto& worker : workers_) {
        worker->post([each = worker.get()] { each->stop_listening(); });
      }
      break;
    case ServingAction::stop:
      return stop();
  }
  if (const auto due = serving_.deadline()) {
    loop_.timers().arm(drain_timer_, std::min(*due, loop_.now() + kDrainCheck));
  }
}

void Server::stop() {
  handshakes_.close();
  for (const auto& worker : workers_) {
    worker->post([each = worker.get()] { each->shut_down(); });
  }
  for (const auto& worker : workers_) worker->join();
  join_thread_.join();  // before those whom it answers
  for (const auto& control : controls_) {
    control->post([each = control.get()] { each->shut_down(); });
  }
  for (const auto& control : controls_) control->join();
  reports_.join();
  log(Level::info, "stopped");
  loop_.stop();
}

}  // namespace fairlead::rendezvous
