#include "rendezvous/relay/mesh_connection.h"

#include <algorithm>

#include "common/base/check.h"
#include "common/net/socket.h"
#include "rendezvous/registry/load_balancer.h"
#include "rendezvous/shared.h"

namespace fairlead::rendezvous {
namespace {

constexpr Duration kStartupGrace = 30s;  // after a start, agents are still on their way back
constexpr Duration kRouteAgain = 50ms;   // while an endpoint is on its way
constexpr int kMaxAttempts = 8;          // headers sent for one client
constexpr int kAnswerRtts = 3;           // an agent far away gets this many round trips at least
constexpr std::size_t kAnswerBuffer = 4 * 1024;

}  // namespace

MeshConnection::MeshConnection(MeshHost& host, net::PolledFd fd, MeshClient client)
    : host_(host),
      client_(std::move(client)),
      client_side_(*this, &MeshConnection::on_client_event),
      channel_side_(*this, &MeshConnection::on_channel_event),
      client_fd_(std::move(fd)),
      timer_([](void* self) { static_cast<MeshConnection*>(self)->on_timer(); }, this) {
  if (client_fd_.valid()) client_fd_.retarget(client_side_);
}

MeshConnection::MeshConnection(MeshHost& host, MeshClient client)
    : MeshConnection(host, net::PolledFd(), std::move(client)) {
  client_fd_ = net::PolledFd(host.poller(), std::move(client_.fd), client_side_);
}

MeshConnection::~MeshConnection() {
  if (state_ == State::waiting) attempt_.endpoint->carrier->stop_waiting({host_.index(), number});
}

void MeshConnection::enter(State next) {
  CHECK(state_ != State::done);
  state_ = next;
}

TimePoint MeshConnection::now() const {
  return host_.poller().loop().now();
}

TimePoint MeshConnection::give_up_at() const {
  return client_.accepted + host_.limits().channel_wait;
}

bool MeshConnection::starting_up() const {
  return now() < host_.shared().started + kStartupGrace;
}

void MeshConnection::start() {
  route();
}

void MeshConnection::route() {
  const Route route = client_.fixed_service.empty()
                          ? host_.routes().route(client_.hello.server_name.value_or(""), client_.hello.alpn)
                          : host_.routes().route_service(client_.fixed_service);
  const bool may_come = route.reason == Reason::unknown_name || route.reason == Reason::no_endpoint;
  if (route.kind != Route::Kind::service) {
    const bool expected = starting_up() || route.expects_endpoint(now());
    if (!may_come || !expected || now() >= give_up_at()) return turn_away(route.reason);
    return wait_until(now() + kRouteAgain);
  }
  client_.service = std::string(route.service());
  client_.service_token = {};
  auto token = host_.shared().gauges.relays_per_service.take(client_.service);
  if (!token) return turn_away(Reason::relays_per_service);
  client_.service_token = std::move(*token);
  for (const EndpointPtr& endpoint : route.candidates()) {
    if (endpoint->allows(client_.peer.ip)) candidates_.push_back(endpoint);
  }
  if (candidates_.empty()) return turn_away(Reason::source_denied);
  try_next();
}

// The next endpoint that may be tried, with a place at its agent; null with the reason when there is none.
EndpointPtr MeshConnection::pick_endpoint(Reason& why_none) {
  std::vector<const Endpoint*> tried;
  for (const EndpointPtr& each : client_.tried) tried.push_back(each.get());
  why_none = client_.last_failure;
  while (true) {
    EndpointPtr endpoint = pick(candidates_, host_.rng(), now(), tried);
    if (!endpoint) return nullptr;
    if (auto token = endpoint->carrier->take_place()) {
      attempt_ = Attempt(endpoint, std::move(*token));
      return endpoint;
    }
    why_none = Reason::relays_per_agent;
    tried.push_back(endpoint.get());
  }
}

void MeshConnection::try_next() {
  if (now() >= give_up_at() || client_.attempts >= kMaxAttempts) return turn_away(client_.last_failure);
  Reason why_none = Reason::no_endpoint;
  if (pick_endpoint(why_none)) return claim();
  if (may_return(why_none)) return wait_for_return();
  turn_away(why_none);
}

// Whether an endpoint may be on its way back: its session broke, or is being found broken.
bool MeshConnection::may_return(Reason why_none) const {
  return (why_none == Reason::no_endpoint || why_none == Reason::no_answer) && may_repeat();
}

void MeshConnection::wait_for_return() {
  candidates_.clear();
  wait_until(now() + kRouteAgain);
}

// Whoever waits should know of a client that has gone: what its listener saw of that is not told again.
void MeshConnection::wait_until(TimePoint due) {
  host_.poller().loop().timers().arm(timer_, due);
  client_fd_.run_again();
}

void MeshConnection::claim() {
  const auto claim = attempt_.endpoint->carrier->claim_or_wait({host_.index(), number}, now());
  switch (claim.kind) {
    case ChannelClaim::Kind::taken:
      return ask(claim.channel);
    case ChannelClaim::Kind::ended:
      return attempt_failed(Reason::no_endpoint);
    case ChannelClaim::Kind::waiting:
      enter(State::waiting);
      // An agent that brings no channel in the time of an answer may be gone: another endpoint is tried then.
      const bool alone = client_.tried.size() + 1 >= candidates_.size();
      const TimePoint patience = alone ? give_up_at() : now() + host_.limits().answer_timeout;
      wait_until(std::min(patience, give_up_at()));
  }
}

void MeshConnection::on_channel_ready(WorkerItem channel) {
  CHECK(state_ == State::waiting);
  ask(channel);
}

void MeshConnection::on_session_ended() {
  CHECK(state_ == State::waiting);
  attempt_failed(Reason::no_endpoint);
}

void MeshConnection::start_with(Attempt attempt, std::uint64_t channel) {
  attempt_ = std::move(attempt);
  // The route it came with may have changed on its way; what it may fall back to is looked up again.
  const Route route = client_.fixed_service.empty()
                          ? host_.routes().route(client_.hello.server_name.value_or(""), client_.hello.alpn)
                          : host_.routes().route_service(client_.fixed_service);
  for (const EndpointPtr& endpoint : route.candidates()) {
    if (endpoint->allows(client_.peer.ip)) candidates_.push_back(endpoint);
  }
  ask({host_.index(), channel});
}

void MeshConnection::ask(WorkerItem channel) {
  timer_.cancel();
  if (channel.worker != host_.index()) {
    enter(State::done);
    client_.fd = client_fd_.release();
    host_.on_mesh_moves(*this, std::move(client_), std::move(attempt_), channel);
    return;
  }
  auto taken = host_.take_channel(channel.number);
  if (!taken) return claim();  // it died between the claim and here
  enter(State::asking);
  send_header(*taken);
}

void MeshConnection::send_header(ReadyChannel& channel) {
  ++client_.attempts;
  wire::ChannelHeader fields;
  fields.counter = channel.ticket_counter();
  host_.rng().fill(fields.nonce);
  fields.connection = client_.id;
  fields.caller = client_.peer;
  fields.service = attempt_.endpoint->service;
  fields.sni = client_.hello.server_name.value_or("");
  Carrier& carrier = *attempt_.endpoint->carrier;
  core::SealedHeader sealed = carrier.make_header(fields, client_.bytes);
  header_mac_ = sealed.mac;
  header_ = std::move(sealed.bytes);
  header_.insert(header_.end(), client_.bytes.begin(), client_.bytes.end());
  header_sent_ = 0;
  answer_.clear();
  channel_fd_ = channel.take_fd();
  channel_fd_.retarget(channel_side_);
  const Duration wait = std::max(host_.limits().answer_timeout, carrier.rtt() * kAnswerRtts);
  host_.poller().loop().timers().arm(timer_, now() + wait);
  flush_header();
}

void MeshConnection::flush_header() {
  while (header_sent_ < header_.size()) {
    const auto put = net::write_some(channel_fd_.get(), ByteView(header_).subspan(header_sent_));
    if (!put) return on_no_answer();
    if (!*put) return;
    header_sent_ += **put;
  }
}

void MeshConnection::on_client_event(net::Readiness ready) {
  if (!ready.readable || state_ == State::done) return;
  if (ready.hung_up || net::peek(client_fd_.get()) == net::Peek::end) turn_away(Reason::client_closed);
}

void MeshConnection::on_channel_event(net::Readiness ready) {
  if (state_ != State::asking) return;
  if (ready.writable && header_sent_ < header_.size()) flush_header();
  if (state_ == State::asking && ready.readable && channel_fd_.valid()) read_answer();
}

void MeshConnection::read_answer() {
  while (true) {
    const std::size_t had = answer_.size();
    answer_.resize(had + kAnswerBuffer);
    const auto got = net::read_some(channel_fd_.get(), MutableBytes(answer_).subspan(had));
    const std::size_t count = got && *got ? **got : 0;
    answer_.resize(had + count);
    if (!got || (*got && count == 0)) return on_no_answer();
    if (!*got) return;
    const auto parsed = attempt_.endpoint->carrier->read_answer(answer_, header_mac_);
    if (const auto* bad = std::get_if<wire::Malformed>(&parsed)) {
      return may_repeat() ? attempt_failed(bad->reason) : turn_away(bad->reason);
    }
    if (const auto* done = std::get_if<wire::Done<wire::ChannelAnswer>>(&parsed)) {
      return on_answer(done->value, done->consumed);
    }
  }
}

void MeshConnection::on_answer(const wire::ChannelAnswer& answer, std::size_t consumed) {
  if (answer.verdict == wire::Verdict::refused) {
    return attempt_failed(find_reason(answer.code).value_or(Reason::target_refused));
  }
  timer_.cancel();
  attempt_.endpoint->load->on_accepted();
  enter(State::done);
  MeshHost::Accepted accepted{
      .client = std::move(client_fd_),
      .channel = std::move(channel_fd_),
      .from_service = Bytes(answer_.begin() + static_cast<std::ptrdiff_t>(consumed), answer_.end()),
      .who = std::move(client_),
      .attempt = std::move(attempt_)};
  host_.on_mesh_accepted(*this, std::move(accepted));
}

// The channel was dead or its agent is silent: the session is checked, and another channel is tried.
void MeshConnection::on_no_answer() {
  attempt_.endpoint->carrier->probe();
  const bool elsewhere = client_.tried.size() + 1 < candidates_.size();
  if (elsewhere && may_repeat()) return attempt_failed(Reason::no_answer);
  client_.last_failure = Reason::no_answer;
  attempt_.endpoint->load->on_refused_or_silent(now());
  drop_channel();
  if (now() >= give_up_at() || client_.attempts >= kMaxAttempts) return turn_away(Reason::no_answer);
  claim();
}

// The agent said no, or what it said cannot be believed: this endpoint is not asked again for this client.
void MeshConnection::attempt_failed(Reason reason) {
  timer_.cancel();
  client_.last_failure = reason;
  host_.shared().counters.refused.add(reason);
  attempt_.endpoint->load->on_refused_or_silent(now(), reason);
  client_.tried.push_back(attempt_.endpoint);
  drop_channel();
  attempt_ = Attempt();
  enter(State::routing);
  try_next();
}

// 0-RTT data may have been taken by the endpoint that stayed silent: a second endpoint could take it again.
bool MeshConnection::may_repeat() const {
  return !client_.hello.early_data;
}

void MeshConnection::drop_channel() {
  channel_fd_.reset();
  header_.clear();
  header_sent_ = 0;
}

void MeshConnection::on_timer() {
  switch (state_) {
    case State::routing:
      return route();
    case State::waiting: {
      attempt_.endpoint->carrier->stop_waiting({host_.index(), number});
      attempt_.endpoint->carrier->probe();
      if (now() >= give_up_at()) return turn_away(Reason::channel_wait_timeout);
      return attempt_failed(Reason::channel_wait_timeout);
    }
    case State::asking:
      return on_no_answer();
    case State::done:
      return;
  }
}

void MeshConnection::turn_away(Reason reason) {
  timer_.cancel();
  if (state_ == State::waiting) attempt_.endpoint->carrier->stop_waiting({host_.index(), number});
  enter(State::done);
  drop_channel();
  host_.on_mesh_turned_away(*this, std::move(client_fd_), std::move(client_), reason);
}

}  // namespace fairlead::rendezvous
