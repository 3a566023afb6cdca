#include "agent/nat/port_mapper_core.h"

#include <algorithm>

#include "common/base/log.h"

namespace fairlead::agent::nat {
namespace {

constexpr std::string_view kHostMethod = "host";

// The same way out; its metric may change.
bool same_uplink(const Uplink& a, const Uplink& b) {
  return a.interface == b.interface && a.index == b.index && a.local == b.local && a.gateway == b.gateway;
}

std::string method_name(std::optional<MappingProtocol> method) {
  return std::string(method ? protocol_name(*method) : kHostMethod);
}

std::string journal_file(const std::string& state_dir) {
  return state_dir.empty() ? std::string() : state_dir + "/" + kJournalName;
}

bool is_unspecified(const IpAddress& address) {
  return std::ranges::all_of(address.bytes(), [](std::uint8_t byte) { return byte == 0; });
}

}  // namespace

PortMapperCore::PortMapperCore(Environment& environment, net::Loop& loop, Rng& rng, PortMapperOptions options,
                               PortMapper::OnCandidates on_candidates, Clock clock)
    : environment_(environment),
      loop_(loop),
      rng_(rng),
      options_(std::move(options)),
      on_candidates_(std::move(on_candidates)),
      clock_(clock),
      journal_(journal_file(options_.state_dir)),
      timer_(
          [](void* self) {
            auto* core = static_cast<PortMapperCore*>(self);
            for (const auto& worker : core->workers_) worker->on_time();
            core->pump();
          },
          this),
      stop_timer_([](void* self) { static_cast<PortMapperCore*>(self)->finish(); }, this) {}

void PortMapperCore::start() {
  if (life_ != Life::idle) return;
  life_ = Life::running;
  for (MappingRecord& record : journal_.load()) orphans_.push_back({std::move(record), clock_()});
  update_uplinks();
  if (workers_.empty()) {
    log(Level::info, "no way out that could be mapped", {{"reason", reason_code(Reason::no_default_route)}});
  }
  pump();
}

void PortMapperCore::on_network_changed() {
  if (life_ != Life::running) return;
  update_uplinks();
  pump();
}

void PortMapperCore::update_uplinks() {
  const std::vector<Uplink> found = environment_.find_uplinks(options_.interfaces);
  const std::size_t before = workers_.size();
  drop_missing(found);
  bool changed = workers_.size() != before;
  for (const auto& worker : workers_) worker->on_network_changed();
  for (const Uplink& uplink : found) {
    const bool known = std::ranges::any_of(workers_, [&](const auto& w) { return same_uplink(w->uplink(), uplink); });
    if (known || listener_port(uplink) == 0) continue;
    add_worker(uplink, found);
    changed = true;
  }
  if (!changed || options_.protocols.empty()) return;
  environment_.listen(found, [this](const Announcement& heard) {
    for (const auto& worker : workers_) {
      if (worker->uplink().gateway == heard.gateway) worker->on_announcement(heard.epoch);
    }
    // SSDP repeats itself all day; PCP and NAT-PMP speak when something happened.
    if (heard.epoch && options_.on_gateway_changed) options_.on_gateway_changed();
    pump();
  });
}

// What is mapped there is remembered: it is deleted when its gateway is seen again, by whatever address we have then.
void PortMapperCore::drop_missing(const std::vector<Uplink>& found) {
  const auto missing = [&](const Uplink& uplink) {
    return std::ranges::none_of(found, [&](const Uplink& other) { return same_uplink(uplink, other); });
  };
  for (auto& worker : workers_) {
    if (!missing(worker->uplink())) continue;
    log(Level::info, "uplink is gone",
        {{"interface", worker->uplink().interface}, {"local", worker->uplink().local.to_string()}});
    worker->cancel();
    for (MappingRecord& record : worker->mapping().records()) orphans_.push_back({std::move(record), clock_()});
    loop_.retire(std::move(worker));
  }
  std::erase(workers_, nullptr);
  std::erase_if(numbers_, [&](const Number& number) { return missing(number.uplink); });
}

void PortMapperCore::add_worker(const Uplink& uplink, const std::vector<Uplink>& all) {
  MappingSetup setup{uplink,
                     options_.protocols,
                     listener_port(uplink),
                     options_.external_port,
                     options_.identity,
                     adopt_orphans(uplink, all)};
  log(Level::info, "uplink found",
      {{"interface", uplink.interface}, {"local", uplink.local.to_string()}, {"gateway", uplink.gateway.to_string()}});
  workers_.push_back(std::make_unique<UplinkWorker>(environment_, rng_, std::move(setup), clock_, [this] { pump(); }));
  workers_.back()->start();
}

std::uint16_t PortMapperCore::listener_port(const Uplink& uplink) const {
  for (const SocketAddress& listener : options_.listeners) {
    const bool fits =
        listener.ip == uplink.local || (is_unspecified(listener.ip) && listener.ip.is_v4() == uplink.local.is_v4());
    if (fits) return listener.port;
  }
  return 0;
}

std::vector<MappingRecord> PortMapperCore::adopt_orphans(const Uplink& uplink, const std::vector<Uplink>& all) {
  const auto of_another = [&](const MappingRecord& record) {
    return record.internal.ip != uplink.local &&
           std::ranges::any_of(all, [&](const Uplink& other) { return other.local == record.internal.ip; });
  };
  std::vector<MappingRecord> adopted;
  std::erase_if(orphans_, [&](const Orphan& orphan) {
    if (orphan.record.interface != uplink.interface || orphan.record.gateway != uplink.gateway) return false;
    if (of_another(orphan.record)) return false;
    adopted.push_back(orphan.record);
    return true;
  });
  return adopted;
}

std::uint32_t PortMapperCore::number_of(const Uplink& uplink, Method method) {
  for (const Number& known : numbers_) {
    if (same_uplink(known.uplink, uplink) && known.method == method) return known.number;
  }
  numbers_.push_back({uplink, method, next_number_});
  return next_number_++;
}

UplinkWorker* PortMapperCore::find_worker(std::uint32_t number, Method& method) {
  for (const Number& known : numbers_) {
    if (known.number != number) continue;
    method = known.method;
    for (const auto& worker : workers_) {
      if (same_uplink(worker->uplink(), known.uplink)) return worker.get();
    }
  }
  return nullptr;
}

void PortMapperCore::on_seen(const IpAddress& local, const IpAddress& outside) {
  if (life_ != Life::running) return;
  for (const auto& worker : workers_) {
    if (worker->uplink().local == local) worker->on_seen(outside);
  }
  pump();
}

void PortMapperCore::on_verified(std::uint32_t number) {
  Method method;
  UplinkWorker* worker = find_worker(number, method);
  if (worker == nullptr || life_ != Life::running) return;
  worker->mapping().on_verified(method, clock_());
  pump();
}

void PortMapperCore::on_unreachable(std::uint32_t number) {
  Method method;
  UplinkWorker* worker = find_worker(number, method);
  if (worker == nullptr || life_ != Life::running) return;
  worker->mapping().on_unreachable(method, clock_());
  pump();
}

void PortMapperCore::stop(Duration patience, std::function<void()> done) {
  if (life_ == Life::stopping || life_ == Life::stopped) return;
  life_ = Life::stopping;
  done_ = std::move(done);
  loop_.timers().arm(stop_timer_, loop_.now() + patience);
  for (const auto& worker : workers_) worker->stop();
  pump();
}

void PortMapperCore::pump() {
  if (life_ == Life::idle || life_ == Life::stopped) return;
  start_requests();
  for (const auto& worker : workers_) log_events(*worker);
  publish();
  arm();
  const bool all_stopped = std::ranges::all_of(
      workers_, [](const auto& worker) { return worker->mapping().state() == Mapping::State::stopped; });
  if (life_ == Life::stopping && all_stopped) loop_.timers().arm(stop_timer_, loop_.now());
}

// Uplinks of one interface, or with one gateway, lead to one router: some fail on two requests at a time.
bool PortMapperCore::lane_free(const UplinkWorker& worker) const {
  return std::ranges::none_of(workers_, [&](const auto& other) {
    if (!other->request_under_way()) return false;
    const Uplink& a = worker.uplink();
    const Uplink& b = other->uplink();
    return a.interface == b.interface || a.gateway == b.gateway;
  });
}

// The journal knows of a mapping before the gateway does.
void PortMapperCore::start_requests() {
  std::vector<UplinkWorker*> ready;
  for (const auto& worker : workers_) {
    if (lane_free(*worker) && worker->take_request()) ready.push_back(worker.get());
  }
  keep_journal();
  for (UplinkWorker* worker : ready) worker->send();
}

void PortMapperCore::keep_journal() {
  std::vector<MappingRecord> records;
  for (const auto& worker : workers_) {
    for (MappingRecord& record : worker->mapping().records()) records.push_back(std::move(record));
  }
  const TimePoint now = clock_();
  std::erase_if(orphans_, [&](const Orphan& orphan) {
    return orphan.record.lifetime != 0s && now - orphan.since >= orphan.record.lifetime;
  });
  for (const Orphan& orphan : orphans_) records.push_back(orphan.record);
  journal_.keep(std::move(records), net::wall_now());
}

void PortMapperCore::publish() {
  std::vector<Candidate> candidates;
  for (const auto& worker : workers_) {
    const auto offer = worker->mapping().offer();
    if (!offer) continue;
    const Uplink& uplink = worker->uplink();
    candidates.push_back(
        {number_of(uplink, offer->protocol), offer->external, method_name(offer->protocol), uplink.local});
  }
  if (candidates == candidates_) return;
  candidates_ = candidates;
  on_candidates_(candidates);
}

// The loop's clock stands still while the host sleeps; on_network_changed() comes when it wakes.
void PortMapperCore::arm() {
  std::optional<TimePoint> due;
  const auto add = [&due](std::optional<TimePoint> when) {
    if (when) due = due ? std::min(*due, *when) : *when;
  };
  for (const auto& worker : workers_) {
    add(worker->look_due());
    if (lane_free(*worker)) add(worker->mapping().deadline());
    if (const auto& standing = worker->mapping().standing()) add(standing->expires);
  }
  if (!due) return timer_.cancel();
  loop_.timers().arm(timer_, loop_.now() + std::max(*due - clock_(), Duration(1ms)));
}

void PortMapperCore::finish() {
  if (life_ == Life::stopped) return;
  for (const auto& worker : workers_) worker->cancel();
  keep_journal();
  life_ = Life::stopped;
  timer_.cancel();
  for (const auto& worker : workers_) log_events(*worker);
  if (done_) std::exchange(done_, nullptr)();
}

}  // namespace fairlead::agent::nat
