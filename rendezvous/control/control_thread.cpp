#include "rendezvous/control/control_thread.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "common/base/log.h"
#include "common/net/socket.h"
#include "common/wire/alpn.h"
#include "common/wire/client_hello.h"

namespace fairlead::rendezvous {
namespace {

// A storm of handshakes must not take the processor from the relays.
constexpr int kNice = 5;

void lower_own_priority() {
  // Linux: setpriority on a thread id changes that thread alone. Failure costs fairness, nothing else.
  setpriority(PRIO_PROCESS, static_cast<id_t>(::syscall(SYS_gettid)), kNice);
}

// The worker that took it in has read its hello whole.
bool wants_to_join(ByteView first_bytes) {
  const auto hello = wire::parse_client_hello(first_bytes);
  const auto* done = std::get_if<wire::Done<wire::ClientHello>>(&hello);
  return done != nullptr && std::ranges::find(done->value.alpn, wire::kJoinAlpn) != done->value.alpn.end();
}

}  // namespace

ControlThread::ControlThread(Shared& shared, ControlShared& control, RegistryDesk& registry, JoinDesk& join_desk,
                             const Limits& limits, ControlOptions options)
    : limits_(limits),
      options_(std::move(options)),
      join_desk_(join_desk),
      poller_(loop_),
      channels_(shared.workers),
      facts_{shared.instance, options_.instance_address, shared.domains},
      rooms_(make_rooms()),
      context_(server_context(tls::ClientCertificate::required)),
      stranger_context_(server_context(tls::ClientCertificate::optional)),
      verify_context_(verify_context()),
      door_tools_{poller_, rooms_, shared.counters, shared.access_log, *this},
      proof_tools_{loop_, control.verify.proofs, shared.counters, shared.access_log, *this},
      join_tools_{loop_, shared.counters, shared.access_log, *this},
      link_tools_{.loop = loop_,
                  .rng = rng_,
                  .limits = limits_,
                  .facts = facts_,
                  .wall_now = net::wall_now,
                  .registry = registry,
                  .joins = join_desk,
                  .channels = channels_,
                  .sessions = shared.sessions,
                  .places = shared.gauges.sessions,
                  .counters = shared.counters,
                  .pauses = control.pauses,
                  .verify = {.poller = poller_,
                             .context = verify_context_,
                             .limits = limits_,
                             .dials = shared.gauges.verify_dials,
                             .dials_per_target = shared.gauges.verify_dials_per_target,
                             .shared = control.verify,
                             .counters = shared.counters},
                  .home = *this,
                  .owner = *this},
      drain_timer_(&ControlThread::on_drain_turn, this) {}

ControlThread::~ControlThread() = default;

// The one list of what ends here.
std::vector<Room> ControlThread::make_rooms() {
  return {{wire::kSessionAlpn,
           [this](Guest guest) { links_.add(std::make_unique<AgentLink>(link_tools_, std::move(guest))).start(); }},
          {wire::kVerifyAlpn,
           [this](Guest guest) {
             const TimePoint deadline = loop_.now() + limits_.handshake_timeout;
             proofs_.add(std::make_unique<ProofReceiver>(proof_tools_, std::move(guest), deadline)).start();
           }},
          {wire::kJoinAlpn,
           [this](Guest guest) {
             const TimePoint deadline = loop_.now() + limits_.handshake_timeout;
             joins_.add(std::make_unique<JoinReceiver>(join_tools_, std::move(guest), deadline)).start();
           },
           tls::ClientCertificate::optional}};
}

// A room is offered only in handshakes that ask for as much as it does.
tls::TlsServerContext ControlThread::server_context(tls::ClientCertificate client) const {
  std::vector<std::string> alpn;
  for (const Room& room : rooms_) {
    if (room.client == client) alpn.emplace_back(room.alpn);
  }
  const bool stranger = client == tls::ClientCertificate::optional;
  return tls::TlsServerContext({.credentials = options_.credentials,
                                .alpn = std::move(alpn),
                                .ticket_keys = stranger ? nullptr : options_.ticket_keys,
                                .clock = net::wall_now,
                                .client_certificate = client,
                                .show_root = stranger});
}

tls::TlsClientContext ControlThread::verify_context() const {
  return tls::TlsClientContext(
      {.credentials = options_.credentials, .alpn = {wire::kVerifyAlpn}, .clock = net::wall_now});
}

Result<void> ControlThread::start() {
  auto thread = net::start_thread([this] {
    lower_own_priority();
    loop_.run();
  });
  if (!thread) return tl::unexpected(thread.error());
  thread_ = std::move(*thread);
  return {};
}

void ControlThread::join() {
  if (thread_.joinable()) thread_.join();
}

void ControlThread::begin(ControlInbound inbound, HandshakePlace place) {
  loop_.post([this, inbound = std::move(inbound), place = std::move(place)]() mutable {
    open_door(std::move(inbound), std::move(place));
  });
}

void ControlThread::open_door(ControlInbound inbound, HandshakePlace place) {
  auto engine = tls::TlsEngine::server(wants_to_join(inbound.bytes) ? stranger_context_ : context_);
  if (!engine) return log(Level::error, "cannot begin a TLS handshake", {{"detail", engine.error().detail}});
  doors_
      .add(std::make_unique<TlsDoor>(door_tools_, std::move(inbound), std::move(*engine), std::move(place),
                                     loop_.now() + limits_.handshake_timeout))
      .start();
}

void ControlThread::give_up(HandshakePlace::Ticket ticket, Reason reason) {
  loop_.post([this, ticket, reason] {
    for (const auto number : doors_.numbers()) {
      if (TlsDoor* door = doors_.find(number); door->ticket() == ticket) return door->give_up(reason);
    }
    for (const auto number : links_.numbers()) {
      AgentLink* link = links_.find(number);
      if (link->ticket() == ticket) return link->close(reason, "no hello came, and others wait");
    }
  });
}

void ControlThread::on_door_done(TlsDoor& door) {
  if (auto dead = doors_.take(door.number)) loop_.retire(std::move(dead));
}

void ControlThread::on_link_ended(AgentLink& link) {
  if (auto dead = links_.take(link.number)) loop_.retire(std::move(dead));
}

void ControlThread::on_proof_over(ProofReceiver& receiver) {
  if (auto dead = proofs_.take(receiver.number)) loop_.retire(std::move(dead));
}

void ControlThread::on_join_asked(JoinReceiver& receiver, wire::JoinQuestion question) {
  join_desk_.post_join(std::move(question), receiver.peer(), [this, number = receiver.number](wire::JoinAnswer answer) {
    loop_.post([this, number, answer = std::move(answer)] {
      if (JoinReceiver* asker = joins_.find(number)) asker->answer(answer);
    });
  });
}

void ControlThread::on_join_over(JoinReceiver& receiver) {
  if (auto dead = joins_.take(receiver.number)) loop_.retire(std::move(dead));
}

void ControlThread::tell(std::uint64_t number, std::function<void(SessionEnd&)> message) {
  loop_.post([this, number, say = std::move(message)] {
    if (AgentLink* link = links_.find(number)) say(*link);
  });
}

void ControlThread::replace_credentials(std::shared_ptr<const tls::Credentials> credentials) {
  options_.credentials = std::move(credentials);
  context_ = server_context(tls::ClientCertificate::required);
  stranger_context_ = server_context(tls::ClientCertificate::optional);
  verify_context_ = verify_context();
}

void ControlThread::drain(Duration within) {
  drain_until_ = loop_.now() + within;
  for (const auto number : links_.numbers()) {
    drain_plan_.emplace_back(
        loop_.now() + Duration(static_cast<Duration::rep>(rng_.below(static_cast<std::uint64_t>(within.count()) + 1))),
        number);
  }
  std::sort(drain_plan_.rbegin(), drain_plan_.rend());
  on_drain_turn(this);
}

void ControlThread::on_drain_turn(void* self) {
  auto& thread = *static_cast<ControlThread*>(self);
  const TimePoint now = thread.loop_.now();
  while (!thread.drain_plan_.empty() && thread.drain_plan_.back().first <= now) {
    const auto number = thread.drain_plan_.back().second;
    thread.drain_plan_.pop_back();
    if (AgentLink* link = thread.links_.find(number)) link->drain(std::max(thread.drain_until_ - now, Duration(0)));
  }
  if (!thread.drain_plan_.empty()) thread.loop_.timers().arm(thread.drain_timer_, thread.drain_plan_.back().first);
}

void ControlThread::look_at_clock() {
  for (const auto number : links_.numbers()) {
    if (AgentLink* link = links_.find(number)) link->look_at_clock();
  }
}

void ControlThread::shut_down() {
  for (const auto number : doors_.numbers()) doors_.take(number)->close();
  for (const auto number : proofs_.numbers()) proofs_.take(number)->close();
  for (const auto number : joins_.numbers()) joins_.take(number)->close();
  for (const auto number : links_.numbers()) {
    if (AgentLink* link = links_.find(number)) link->close(Reason::shutting_down, "the rendezvous stops");
  }
  for (const auto number : links_.numbers()) links_.take(number);
  drain_timer_.cancel();
  loop_.stop();
}

}  // namespace fairlead::rendezvous
