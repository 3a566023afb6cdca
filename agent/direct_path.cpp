#include "agent/direct_path.h"

#include <algorithm>

#include "common/base/log.h"

namespace fairlead::agent {
namespace {

constexpr const char* kThisProgram = "/proc/self/exe";

}  // namespace

DirectPath::DirectPath(AgentTools& tools, const Links& links, const std::string& endpoint,
                       std::function<void()> on_path_doubted)
    : tools_(tools), links_(links), endpoint_(endpoint), on_path_doubted_(std::move(on_path_doubted)) {}

DirectPath::~DirectPath() = default;

void DirectPath::start(std::shared_ptr<const tls::Credentials> credentials, tls::WallClock clock) {
  const NatConfig& nat = tools_.config.nat;
  if (nat.listen.empty()) return;
  listener_ =
      std::make_unique<DirectListener>(tools_,
                                       DirectOptions{.listen = nat.listen,
                                                     .name = endpoint_,
                                                     .rendezvous_id = tools_.config.rendezvous_id,
                                                     .limits = direct_limits(tools_.room.memory(), tools_.descriptors)},
                                       *this);
  if (credentials) listener_->replace_credentials(std::move(credentials), std::move(clock));
  if (const auto opened = listener_->open(); !opened) {
    log(Level::warn, "no listener for direct connections; the relay carries everything",
        {{"reason", reason_code(opened.error().reason)}, {"detail", opened.error().detail}});
    problem_ = opened.error();
    listener_.reset();
    return;
  }
  problem_.reset();
  mapper_ = std::make_unique<nat::PortMapper>(
      tools_.channel.poller, tools_.rng,
      nat::PortMapperOptions{.protocols = nat.mapping,
                             .interfaces = nat.interfaces,
                             .listeners = listener_->addresses(),
                             .external_port = nat.external_port,
                             .identity = tools_.cluster.empty() ? endpoint_ : endpoint_ + "." + tools_.cluster,
                             .state_dir = tools_.config.state_dir,
                             .helper = kThisProgram,
                             .on_gateway_changed = on_path_doubted_},
      [this](const std::vector<nat::Candidate>& all) { on_candidates(all); });
  mapper_->start();
  for (const auto& link : links_) tell_seen(*link);  // sessions may be older than the mapper
}

void DirectPath::replace_credentials(std::shared_ptr<const tls::Credentials> credentials, tls::WallClock clock) {
  if (listener_) listener_->replace_credentials(std::move(credentials), std::move(clock));
}

void DirectPath::on_network_changed() {
  traced_ = false;
  verdicts_.on_network_changed();
  seen_.clear();  // uplinks may be new ones; told again once a session has shown that it still stands
  if (!mapper_) return;
  if (listener_->open_missing()) mapper_->set_listeners(listener_->addresses());
  mapper_->on_network_changed();
}

std::vector<Error> DirectPath::problems() const {
  std::vector<Error> out;
  if (problem_) out.push_back(*problem_);
  if (!listener_) return out;
  for (const LeftOut& each : listener_->missing()) {
    // A host without IPv6 is nothing to worry about.
    const bool whole_family = !each.address.ip.is_v4() && each.address.ip == IpAddress::v6({});
    if (!whole_family || each.why.reason == Reason::address_in_use) out.push_back(each.why);
  }
  return out;
}

void DirectPath::on_candidates(const std::vector<nat::Candidate>& all) {
  for (const auto& link : links_) link->offer(all);
}

std::vector<nat::Candidate> DirectPath::candidates() const {
  return mapper_ ? mapper_->candidates() : std::vector<nat::Candidate>();
}

void DirectPath::on_link_changed(const RendezvousLink& link) {
  confirm_services();
  verdicts_.plan(tools_.loop.now(), offers());  // a session that is gone takes its verdicts along
  if (link.state() != RendezvousLink::State::up) return;
  tell_seen(link);
  if (traced_) return;
  traced_ = true;
  hops_.clear();
  trace_ = std::make_unique<PathTrace>(tools_.channel.poller, [this](std::vector<std::optional<IpAddress>> hops) {
    hops_ = std::move(hops);
    tools_.loop.retire(std::move(trace_));
  });
  trace_->start(link.address().ip);
}

// Once for each address at which a server sees us: two servers may see two of them for good.
void DirectPath::tell_seen(const RendezvousLink& link) {
  const auto local = link.local();
  if (!mapper_ || !local || !link.seen_as()) return;
  const auto seen = std::pair(local->ip, link.seen_as()->ip);
  const auto [at, fresh] = seen_.try_emplace(link.server().to_string(), seen);
  if (!fresh && at->second == seen) return;
  at->second = seen;
  mapper_->on_seen(seen.first, seen.second);
}

// Going direct must not widen policy: only what a rendezvous confirmed, for whom it confirmed it. What a lost session
// confirmed is believed for a while: a rendezvous that restarts must not take the direct way along.
void DirectPath::confirm_services() {
  if (!listener_) return;
  for (const auto& link : links_) {
    for (std::size_t i = 0; i < tools_.config.services.size(); ++i) confirm(*link, i);
  }
  const TimePoint now = tools_.loop.now();
  std::vector<ConfirmedService> all;
  std::erase_if(confirmed_, [&](const auto& each) {
    const auto& services = tools_.config.services;
    const auto config = std::find_if(services.begin(), services.end(),
                                     [&](const auto& service) { return service.name == each.first.second; });
    return config == services.end() || !(each.second.config == *config) || each.second.until <= now;
  });
  for (const auto& [key, each] : confirmed_) all.push_back(each.service);
  listener_->set_services(std::move(all));
}

void DirectPath::confirm(const RendezvousLink& link, std::size_t index) {
  const ServiceConfig& config = tools_.config.services[index];
  const ServiceState& state = link.services()[index];
  const auto key = std::pair(link.server().to_string(), config.name);
  // What it is called is the server's word; whose service it is, is not.
  const bool ours = state.name.starts_with(config.name + ".");
  if (state.kind == ServiceState::Kind::registered && ours) {
    confirmed_[key] = {config, confirmed_service(link, config, state), TimePoint::max()};
    return;
  }
  const auto at = confirmed_.find(key);
  if (at == confirmed_.end()) return;
  const bool denied = link.last_error() && link.last_error()->reason == Reason::policy_denied;
  if (denied || state.kind == ServiceState::Kind::refused) {
    confirmed_.erase(at);
  } else if (at->second.until == TimePoint::max()) {
    at->second.until = tools_.loop.now() + kConfirmedFor;
  }
}

ConfirmedService DirectPath::confirmed_service(const RendezvousLink& link, const ServiceConfig& config,
                                               const ServiceState& state) const {
  ConfirmedService out{.config = config, .service = state.name, .endpoint = endpoint_, .sources = {}};
  // As at the rendezvous, each name may be said with one of its domains behind it.
  for (const std::string& domain : link.domains()) {
    out.config.sni.push_back(out.service + "." + domain);
    out.config.sni.push_back(endpoint_ + "." + out.service + "." + domain);
  }
  for (const std::string& text : state.sources) {
    if (const auto cidr = Cidr::parse(text)) out.sources.push_back(*cidr);
  }
  return out;
}

void DirectPath::on_judged(std::uint32_t number, const std::string& code) {
  const auto all_offers = offers();
  verdicts_.plan(tools_.loop.now(), all_offers);
  const std::vector<nat::Candidate> all = candidates();
  const auto at = std::find_if(all.begin(), all.end(), [&](const auto& each) { return each.number == number; });
  if (at == all.end()) return;
  const auto judged = verdicts_.on_judged(*at, code, all_offers);
  log(judged.live ? Level::info : Level::warn, judged.live ? "reachable directly" : "not reachable directly",
      {{"address", at->external.to_string()}, {"method", at->method}, {"reason", code}});
  if (judged.live) return mapper_->on_verified(number);
  if (judged.unreachable) mapper_->on_unreachable(number);
}

std::vector<const CandidateOffers*> DirectPath::offers() const {
  std::vector<const CandidateOffers*> out;
  for (const auto& link : links_) out.push_back(&link->offers());
  return out;
}

std::optional<TimePoint> DirectPath::deadline() const {
  TimePoint due = TimePoint::max();
  for (const auto& [key, each] : confirmed_) due = std::min(due, each.until);
  if (mapper_) due = std::min(due, verdicts_.deadline(offers()).value_or(TimePoint::max()));
  return due == TimePoint::max() ? std::nullopt : std::optional(due);
}

void DirectPath::on_time() {
  const TimePoint now = tools_.loop.now();
  if (std::ranges::any_of(confirmed_, [&](const auto& each) { return each.second.until <= now; })) confirm_services();
  if (!mapper_) return;
  const std::vector<bool> again = verdicts_.take_due(now, offers());
  for (std::size_t i = 0; i < links_.size(); ++i) {
    if (again[i]) links_[i]->offer(mapper_->candidates());
  }
}

void DirectPath::stop(Duration patience, std::function<void()> done) {
  if (listener_) listener_->close_idle();
  if (!mapper_) return done();
  for (const auto& link : links_) link->offer({});
  mapper_->stop(patience, std::move(done));
}

void DirectPath::shut_down(Reason reason) {
  trace_.reset();
  if (listener_) listener_->shut_down(reason);
}

std::shared_ptr<const core::ChannelKeys> DirectPath::find_keys(const wire::SessionId& session) {
  for (const auto& link : links_) {
    if (link->channels() == nullptr) continue;
    auto keys = link->channels()->keys();
    if (keys->session() == session) return keys;
  }
  return nullptr;
}

std::vector<nat::MappingReport> DirectPath::mappings() const {
  return mapper_ ? mapper_->mappings() : std::vector<nat::MappingReport>();
}

ProbeFacts DirectPath::facts() const {
  ProbeFacts out{.protocols = tools_.config.nat.mapping, .hops = hops_, .listens = !tools_.config.nat.listen.empty()};
  if (mapper_) {
    out.uplinks = mapper_->uplinks();
    out.mappings = mapper_->mappings();
    out.candidates = verdicts_.facts(mapper_->candidates(), offers());
  }
  for (const auto& link : links_) {
    out.servers.push_back({.address = link->server().to_string(),
                           .state = std::string(link->state_name()),
                           .up = link->state() == RendezvousLink::State::up,
                           .seen_as = link->seen_as(),
                           .error = link->last_error()});
  }
  return out;
}

bool DirectPath::settled() const {
  if (mapper_ && !mapper_->settled()) return false;
  bool any_up = false;
  for (const auto& link : links_) {
    const bool up = link->state() == RendezvousLink::State::up;
    any_up = any_up || up;
    const bool failed = link->last_error().has_value();
    if (!up && !failed && link->state() != RendezvousLink::State::standby) return false;
  }
  if (!any_up) return true;
  if (trace_) return false;
  return DirectVerdicts::all_known(candidates(), offers());
}

}  // namespace fairlead::agent
