#include "rendezvous/relay/mesh_connection.h"

#include "common/base/check.h"
#include "common/net/socket.h"

namespace fairlead::rendezvous {

MeshConnection::MeshConnection(MeshHost& host, net::PolledFd fd, MeshClient client)
    : host_(host),
      client_(std::move(client)),
      client_fd_(std::move(fd)),
      timer_([](void* self) { static_cast<MeshConnection*>(self)->on_timer(); }, this) {
  if (client_fd_.valid()) client_fd_.retarget(*this);
}

MeshConnection::MeshConnection(MeshHost& host, MeshClient client)
    : MeshConnection(host, net::PolledFd(), std::move(client)) {
  client_fd_ = net::PolledFd(host.poller(), std::move(client_.fd), *this);
}

MeshConnection::~MeshConnection() {
  if (state_ == State::waiting) carrier().stop_waiting(self());
}

void MeshConnection::enter(State next) {
  switch (state_) {
    case State::routing:
      CHECK(next == State::waiting || next == State::asking || next == State::done);
      break;
    case State::waiting:
      CHECK(next == State::routing || next == State::asking || next == State::done);
      break;
    case State::asking:
      CHECK(next == State::routing || next == State::done);
      break;
    case State::done:
      CHECK(false);
  }
  state_ = next;
}

void MeshConnection::start() {
  route();
}

// With an attempt that was begun elsewhere: its plan has the route.
void MeshConnection::start_with(Attempt attempt, std::uint64_t channel) {
  attempt_ = std::move(attempt);
  ask({host_.index(), channel});
}

void MeshConnection::route() {
  const Route route = client_.fixed_service.empty()
                          ? host_.routes().route(client_.hello.server_name.value_or(""), client_.hello.alpn)
                          : host_.routes().route_service(client_.fixed_service);
  MeshCaller& caller = client_.caller;
  if (route.kind == Route::Kind::service) {
    caller.service = std::string(route.service());
    caller.service_token = {};
    auto place = host_.take_service_place(caller.service, caller.peer.ip);
    if (!place) return turn_away(place.error());
    caller.service_token = std::move(*place);
  }
  follow(client_.plan.on_route(route, caller.peer.ip, now(), host_.rng()));
}

void MeshConnection::follow(AttemptPlan::Step step) {
  if (auto* attempt = std::get_if<Attempt>(&step)) {
    attempt_ = std::move(*attempt);
    return claim();
  }
  if (const auto* again = std::get_if<AttemptPlan::RouteAgain>(&step)) return wait_until(again->at);
  turn_away(std::get<AttemptPlan::GiveUp>(step).reason);
}

void MeshConnection::claim() {
  const ChannelClaim claim = carrier().claim_or_wait(self(), now());
  switch (claim.kind) {
    case ChannelClaim::Kind::taken:
      return ask(claim.channel);
    case ChannelClaim::Kind::ended:
      return fail_attempt(Reason::no_endpoint);
    case ChannelClaim::Kind::waiting:
      enter(State::waiting);
      return wait_until(client_.plan.channel_due(now()));
  }
}

// Whoever waits should know of a client that has gone: what its listener saw of that is not told again.
void MeshConnection::wait_until(TimePoint due) {
  host_.poller().loop().timers().arm(timer_, due);
  client_fd_.run_again();
}

void MeshConnection::on_channel_ready(WorkerItem channel) {
  CHECK(state_ == State::waiting);
  ask(channel);
}

void MeshConnection::on_session_ended() {
  CHECK(state_ == State::waiting);
  fail_attempt(Reason::no_endpoint);
}

void MeshConnection::ask(WorkerItem channel) {
  timer_.cancel();
  if (channel.worker != host_.index()) {
    enter(State::done);
    client_.fd = client_fd_.release();
    return host_.on_mesh_moves(*this, std::move(client_), std::move(attempt_), channel);
  }
  auto taken = host_.take_channel(channel.number);
  if (taken) return send_header(std::move(*taken));
  if (state_ == State::waiting) enter(State::routing);  // it died between the claim and here
  claim();
}

void MeshConnection::send_header(ClaimedChannel channel) {
  enter(State::asking);
  client_.plan.on_request_sent();
  wire::ChannelHeader fields;
  host_.rng().fill(fields.nonce);
  fields.connection = client_.caller.id;
  fields.caller = client_.caller.peer;
  fields.service = attempt_.endpoint->service;
  fields.sni = client_.hello.server_name.value_or("");
  host_.poller().loop().timers().arm(timer_, client_.plan.answer_due(now(), carrier().rtt()));
  request_.emplace(*this, carrier(), std::move(channel), std::move(fields), client_.bytes);
  request_->start();
}

// An end of stream alone is no leave: whoever has said everything may still wait for the answer.
void MeshConnection::on_ready(net::Readiness ready) {
  if (!ready.readable || state_ == State::done) return;
  if (ready.hung_up || net::connection_over(client_fd_.get())) turn_away(Reason::client_closed);
}

void MeshConnection::on_answer(const wire::ChannelAnswer& answer, Bytes from_service) {
  if (answer.verdict == wire::Verdict::accepted) return on_accepted(std::move(from_service));
  fail_attempt(find_reason(answer.code).value_or(Reason::target_refused));
}

void MeshConnection::on_accepted(Bytes from_service) {
  timer_.cancel();
  attempt_.endpoint->load->on_accepted();
  enter(State::done);
  MeshHost::Accepted accepted{.client = std::move(client_fd_),
                              .channel = request_->take_channel(),
                              .from_service = std::move(from_service),
                              .sent_ahead = client_.bytes.size(),
                              .who = std::move(client_.caller),
                              .attempt = std::move(attempt_)};
  host_.on_mesh_accepted(*this, std::move(accepted));
}

void MeshConnection::on_unbelievable_answer(Reason reason) {
  follow(client_.plan.on_unbelievable(leave_attempt(), reason, now(), host_.rng()));
}

// Dead or silent: the carrier finds out about itself, and another channel is tried.
void MeshConnection::on_channel_dead() {
  carrier().probe();
  follow(client_.plan.on_silent(leave_attempt(), now(), host_.rng()));
}

void MeshConnection::fail_attempt(Reason reason) {
  follow(client_.plan.on_failed(leave_attempt(), reason, now(), host_.rng()));
}

Attempt MeshConnection::leave_attempt() {
  timer_.cancel();
  request_.reset();
  if (state_ != State::routing) enter(State::routing);
  return std::move(attempt_);
}

void MeshConnection::on_timer() {
  switch (state_) {
    case State::routing:
      return route();
    case State::waiting:
      carrier().stop_waiting(self());
      carrier().probe();
      return fail_attempt(Reason::channel_wait_timeout);
    case State::asking:
      return on_channel_dead();
    case State::done:
      return;
  }
}

void MeshConnection::turn_away(Reason reason) {
  timer_.cancel();
  if (state_ == State::waiting) carrier().stop_waiting(self());
  enter(State::done);
  request_.reset();
  attempt_ = Attempt();
  host_.on_mesh_turned_away(*this, std::move(client_fd_), std::move(client_), reason);
}

}  // namespace fairlead::rendezvous
