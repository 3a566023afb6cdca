#include "rendezvous/server.h"

#include <algorithm>
#include <csignal>
#include <filesystem>

#include "common/base/log.h"
#include "common/net/socket.h"

namespace fairlead::rendezvous {
namespace {

constexpr std::size_t kDescriptorReserve = 1024;  // listeners, pipes, files, connections not yet classified
constexpr Duration kDrainCheck = 50ms;

crypto::SystemRng& system_rng() {
  static crypto::SystemRng rng;  // without state: the kernel's
  return rng;
}

std::vector<std::string> own_names(const RendezvousConfig& config, const tls::Credentials& credentials) {
  if (!config.server.names.empty()) return config.server.names;
  std::vector<std::string> names = credentials.dns_names();
  for (const HostPort& each : config.server.public_addresses) names.push_back(normalize_name(each.host));
  return names;
}

std::vector<std::string> to_strings(const std::vector<HostPort>& addresses) {
  std::vector<std::string> out;
  for (const HostPort& each : addresses) out.push_back(each.to_string());
  return out;
}

// What a dial-back must never go to: this host, under any of its addresses.
std::vector<IpAddress> own_addresses(const ServerConfig& config) {
  std::vector<IpAddress> out = net::host_addresses();
  for (const HostPort& each : config.public_addresses) {
    if (const auto ip = IpAddress::parse(each.host)) out.push_back(*ip);
  }
  return out;
}

Registry make_registry(const RendezvousConfig& config, const tls::Credentials& credentials) {
  return Registry(Policy(config.policy, std::string(credentials.trust_domain())),
                  OwnNames(own_names(config, credentials), config.server.domains),
                  RegistryLimits{config.limits.services_per_agent});
}

tls::IdentityFiles files_of(const IdentityConfig& identity) {
  return {identity.cert, identity.key, identity.ca};
}

}  // namespace

void complete(RendezvousConfig& config, std::size_t open_files) {
  const std::size_t usable = open_files > 2 * kDescriptorReserve ? open_files - kDescriptorReserve : open_files / 2;
  if (config.limits.relays_max == 0) config.limits.relays_max = usable / 4;  // a relay holds two descriptors
  if (config.limits.sessions_max == 0) config.limits.sessions_max = usable * 3 / 4;
  if (config.server.workers == 0) config.server.workers = std::max(1u, std::thread::hardware_concurrency());
}

Result<std::unique_ptr<Server>> Server::open(RendezvousConfig config, std::string config_path) {
  auto credentials = tls::Credentials::load(files_of(config.identity));
  if (!credentials) return tl::unexpected(credentials.error());
  for (const std::string& warning : (*credentials)->warnings()) log(Level::warn, warning);
  std::error_code ignored;
  std::filesystem::create_directories(config.server.state_dir, ignored);
  auto keys = tls::TicketKeys::open(std::filesystem::path(config.server.state_dir) / "ticket.keys", system_rng(),
                                    net::wall_now());
  if (!keys) return tl::unexpected(keys.error());
  if (const auto problem = (*keys)->take_problem()) log(Level::warn, "ticket keys", {{"detail", problem->detail}});
  complete(config, net::raise_open_files());
  std::unique_ptr<Server> server(
      new Server(std::move(config), std::move(config_path), std::move(*credentials), std::move(*keys)));
  if (auto listening = server->listen(); !listening) return tl::unexpected(listening.error());
  if (auto opened = server->open_admin(); !opened) return tl::unexpected(opened.error());
  return server;
}

Server::Server(RendezvousConfig config, std::string config_path, std::shared_ptr<const tls::Credentials> credentials,
               std::shared_ptr<tls::TicketKeys> ticket_keys)
    : config_(std::move(config)),
      config_path_(std::move(config_path)),
      credentials_(std::move(credentials)),
      started_(net::wall_now()),
      poller_(loop_),
      shared_(config_.limits, config_.log.access,
              std::make_shared<const Snapshot>(route::NameTable(), std::make_shared<const OwnNames>())),
      registry_(loop_, shared_, make_registry(config_, *credentials_), to_strings(config_.server.public_addresses)),
      drain_timer_([](void* self) { static_cast<Server*>(self)->on_drain_time(); }, this) {
  system_rng().fill(shared_.instance);
  shared_.started = loop_.now();
  shared_.domains = config_.server.domains;
  shared_.dial_policy = {.own = own_addresses(config_.server), .any_scope = config_.server.verify_any_address};
  shared_.dial_sources =
      config_.server.verify_from.empty() ? global_addresses(net::host_addresses()) : config_.server.verify_from;
  if (auto first = registry_.registry().publish()) shared_.routes.publish(std::move(first));
  const unsigned count = config_.server.workers;
  shared_.large_pipes = std::max<std::size_t>(1, net::kMaxLargePipes / count);
  const ControlOptions options{.credentials = credentials_,
                               .ticket_keys = std::move(ticket_keys),
                               .instance_address = config_.server.instance_address,
                               .handshakes_share = std::max<std::size_t>(1, config_.limits.handshakes_max / count)};
  for (unsigned i = 0; i < count; ++i) {
    controls_.push_back(std::make_unique<ControlThread>(shared_, registry_, config_.limits, options));
    workers_.push_back(std::make_unique<Worker>(i, shared_, config_.limits, system_rng().next(),
                                                [this](ControlInbound inbound) { to_control(std::move(inbound)); }));
    shared_.workers.push_back(workers_.back().get());
  }
}

Server::~Server() = default;

Result<void> Server::listen() {
  for (const ListenerConfig& each : config_.listeners) {
    if (auto ok = listen_on(each.address, {each.accept, each.proxy_from, ""}); !ok) return ok;
  }
  for (const PortConfig& each : config_.ports) {
    if (auto ok = listen_on(each.listen, {AcceptSet{.tls = true, .ticket = false}, {}, each.service}); !ok) return ok;
  }
  return {};
}

Result<void> Server::listen_on(const SocketAddress& address, const ListenerRules& rules) {
  SocketAddress bound = address;
  for (const auto& worker : workers_) {
    if (bound.port != 0 && worker == workers_.front()) {
      auto lock = ListenLock::take(bound);
      if (!lock) return tl::unexpected(lock.error());
      locks_.push_back(std::move(*lock));
    }
    auto fd = net::listen_tcp(bound, net::ReusePort::yes);
    if (!fd) return tl::unexpected(fd.error());
    bound = net::local_address(fd->get()).value_or(bound);  // port 0: all workers share what the first one got
    worker->listen(std::move(*fd), rules);
  }
  log(Level::info, "listening", {{"address", bound.to_string()}, {"service", rules.service}});
  return {};
}

Result<void> Server::open_admin() {
  auto admin = net::ControlServer::open(loop_, poller_, config_.server.admin_path,
                                        [this](const wire::HttpRequest& request) { return on_admin_request(request); });
  if (!admin) return tl::unexpected(admin.error());
  admin_ = std::move(*admin);
  return {};
}

void Server::run() {
  for (const auto& control : controls_) control->start();
  for (const auto& worker : workers_) worker->start();
  signals_.push_back(std::make_unique<net::SignalWatcher>(loop_, SIGTERM, [this] { on_terminate(); }));
  signals_.push_back(std::make_unique<net::SignalWatcher>(loop_, SIGINT, [this] { on_terminate(); }));
  signals_.push_back(std::make_unique<net::SignalWatcher>(loop_, SIGHUP, [this] { reload(); }));
  identity_watch_ = std::make_unique<net::FileWatch>(
      loop_, std::array{config_.identity.cert, config_.identity.key, config_.identity.ca}, [this] {
        auto credentials = tls::Credentials::load(files_of(config_.identity));
        if (credentials) return apply_credentials(std::move(*credentials));
        log(Level::error, "identity files changed and cannot be used; the old identity stays",
            {{"detail", credentials.error().detail}});
      });
  log(Level::info, "serving", {{"id", credentials_->spiffe_id()}, {"workers", workers_.size()}});
  loop_.run();
}

// Spread over the threads in turn; called by all workers.
void Server::to_control(ControlInbound inbound) {
  ControlThread& thread = *controls_[next_control_.fetch_add(1, std::memory_order_relaxed) % controls_.size()];
  thread.post([&thread, inbound = std::move(inbound)]() mutable { thread.take(std::move(inbound)); });
}

void Server::on_terminate() {
  if (state_ != State::serving) return stop();
  state_ = State::draining;
  log(Level::info, "draining; a second signal stops at once");
  for (const auto& control : controls_) {
    control->post([thread = control.get(), delay = config_.server.drain_delay] { thread->drain(delay); });
  }
  loop_.timers().arm(drain_timer_, loop_.now() + config_.server.drain_delay);
}

void Server::on_drain_time() {
  if (state_ == State::draining) {
    state_ = State::closing;
    drain_deadline_ = loop_.now() + config_.server.drain_timeout;
    for (const auto& worker : workers_) {
      worker->post([each = worker.get()] { each->stop_listening(); });
    }
  } else if (loop_.now() >= drain_deadline_ || shared_.gauges.relays.used() == 0) {
    return stop();
  }
  loop_.timers().arm(drain_timer_, loop_.now() + kDrainCheck);
}

void Server::stop() {
  if (state_ == State::stopped) return;
  state_ = State::stopped;
  for (const auto& worker : workers_) {
    worker->post([each = worker.get()] { each->shut_down(); });
  }
  for (const auto& worker : workers_) worker->join();
  for (const auto& control : controls_) {
    control->post([each = control.get()] { each->shut_down(); });
  }
  for (const auto& control : controls_) control->join();
  log(Level::info, "stopped");
  loop_.stop();
}

void Server::reload() {
  auto loaded = load_config(config_path_);
  if (!loaded) {
    log(Level::error, "reload refused; the running configuration stays", {{"detail", loaded.error().detail}});
    return;
  }
  auto credentials = tls::Credentials::load(files_of(loaded->config.identity));
  if (!credentials) {
    log(Level::error, "reload refused; the running configuration stays", {{"detail", credentials.error().detail}});
    return;
  }
  RendezvousConfig wanted = std::move(loaded->config);
  for (const std::string& key : restart_keys(config_, wanted)) {
    log(Level::warn, "this key needs a restart; its old value stays", {{"key", key}});
  }
  complete(wanted, net::raise_open_files());
  config_.policy = wanted.policy;
  config_.limits = wanted.limits;
  config_.log = wanted.log;
  config_.identity = wanted.identity;
  config_.server.names = wanted.server.names;
  config_.server.drain_delay = wanted.server.drain_delay;
  config_.server.drain_timeout = wanted.server.drain_timeout;
  shared_.access_log.set_mode(config_.log.access);
  shared_.gauges.apply(config_.limits);
  const std::size_t share = std::max<std::size_t>(1, config_.limits.handshakes_max / controls_.size());
  for (const auto& worker : workers_) {
    worker->post([each = worker.get(), limits = config_.limits] { each->apply(limits); });
  }
  for (const auto& control : controls_) {
    control->post([each = control.get(), limits = config_.limits, share] { each->apply(limits, share); });
  }
  apply_credentials(std::move(*credentials));
  registry_.replace_policy(Policy(config_.policy, std::string(credentials_->trust_domain())));
  log(Level::info, "reloaded");
}

void Server::apply_credentials(std::shared_ptr<const tls::Credentials> credentials) {
  credentials_ = std::move(credentials);
  for (const auto& control : controls_) {
    control->post([each = control.get(), fresh = credentials_] { each->replace_credentials(fresh); });
  }
  registry_.replace_own_names(own_names(config_, *credentials_));
  log(Level::info, "identity loaded",
      {{"id", credentials_->spiffe_id()}, {"not_after", format_time(credentials_->not_after())}});
}

}  // namespace fairlead::rendezvous
