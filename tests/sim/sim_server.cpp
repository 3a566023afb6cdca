#include "tests/sim/sim_server.h"

#include <algorithm>

#include "common/core/overloaded.h"
#include "common/wire/session_id.h"

namespace fairlead::sim {

using core::Overloaded;
using rendezvous::AgentCarrier;
using rendezvous::SessionClaim;

constexpr Duration kPublishEvery = 5ms;
constexpr std::size_t kRelaysMax = 1000;
constexpr Duration kMostAtTheDoor = 3 * core::kTakeoverProbe;  // newcomers that follow each other, each probed in turn
const char* const kTrustDomain = "sim";

SimServer::SimServer(Context& context)
    : context_(context),
      registry_(rendezvous::Policy({}, kTrustDomain), rendezvous::OwnNames({"rv.sim"}, {})),
      snapshot_(registry_.publish()),
      started_(context.now()) {}

SimServer::~SimServer() {
  alive_ = nullptr;
  for (const auto& [number, caller] : callers_) caller->client->outcome = Outcome::lost;
  for (const auto& [number, channel] : channels_) channel->connection->reset();
  for (const auto& session : sessions_) session->control->reset();
}

void SimServer::accept(ConnectionPtr connection) {
  connection->purpose == Purpose::control ? accept_control(connection) : accept_data(connection);
}

void SimServer::accept_control(const ConnectionPtr& connection) {
  const auto session = std::make_shared<Session>(context_.now());
  session->control = connection;
  sessions_.push_back(session);
  connection->attach(Side::server, {guarded([this, session](ByteView bytes) {
                                      session->core.receive(bytes, context_.now());
                                      settle(session);
                                    }),
                                    guarded([this, session] { end(session); })});
  settle(session);
}

void SimServer::settle(const SessionPtr& session) {
  while (!session->over) {
    auto event = session->core.next_event();
    if (!event) break;
    on_event(session, *event);
  }
  if (session->over) return;
  session->control->send(Side::server, session->core.output());
  session->core.sent(session->core.output().size());
  if (session->core.finished()) return end(session);
  wake_later(session);
}

void SimServer::wake_later(const SessionPtr& session) {
  TimePoint next = session->core.deadline().value_or(TimePoint::max());
  if (session->admitted) next = std::min(next, session->carrier->ask_deadline().value_or(TimePoint::max()));
  if (next >= session->woken_at || next == TimePoint::max()) return;
  session->woken_at = next;
  context_.scheduler.at(next, guarded([this, session, next] {
                          if (session->woken_at != next) return;  // sooner, meanwhile
                          session->woken_at = TimePoint::max();
                          if (!session->over) on_time(session);
                        }));
}

void SimServer::on_time(const SessionPtr& session) {
  if (session->core.deadline().value_or(TimePoint::max()) <= context_.now()) session->core.on_time(context_.now());
  if (session->admitted && session->carrier->ask_deadline().value_or(TimePoint::max()) <= context_.now()) {
    on_demand(session);
  }
  settle(session);
}

void SimServer::on_event(const SessionPtr& session, core::ServerEvent& event) {
  using namespace core::server_event;
  std::visit(
      Overloaded{
          [&](HelloReceived& e) { on_hello(session, e.hello); },
          [&](RegisterRequested& e) {
            post([this, session, request = std::move(e.request)] { on_register(session, request); });
          },
          [&](RttMeasured& e) { session->carrier->set_rtt(e.rtt); },
          [&](ProbeAnswered&) {
            post([this, carrier = session->carrier] { entrance_.on_probe_answered(carrier, moment()); });
          },
          [&](Failed& e) {
            context_.ledger.require(e.reason != Reason::protocol_error, "an agent broke the protocol: " + e.detail);
            context_.ledger.require(excusable(*session->control, context_.now()), "a live agent was taken for dead");
            end(session);
          },
          [&](auto&) {},
      },
      event);
}

void SimServer::on_hello(const SessionPtr& session, const wire::Hello& hello) {
  AgentCarrier::Description description;
  description.id = wire::draw_session_id(context_.rng);
  context_.rng.fill(description.key);
  description.spiffe_id =
      "spiffe://" + std::string(kTrustDomain) + "/agent/" + kCluster + "/" + session->control->host.identity;
  description.pool = {hello.pool_min, hello.pool_max};
  description.relays_max = kRelaysMax;
  session->hello_at = context_.now();
  const std::weak_ptr<Session> weak = session;
  const auto tell = [this, weak](auto what) {
    post([weak, what] {
      if (const auto here = weak.lock(); here && !here->over) what(here);
    });
  };
  session->carrier =
      std::make_shared<AgentCarrier>(description, context_.now(), guarded([this, tell] {
                                       tell([this](const SessionPtr& here) {
                                         on_demand(here);
                                         settle(here);
                                       });
                                     }),
                                     guarded([this, tell] {
                                       tell([this](const SessionPtr& here) {
                                         here->core.probe(context_.now(), context_.now() + core::kUnansweredProbe);
                                         settle(here);
                                       });
                                     }));
  post([this, claim = SessionClaim{.spiffe_id = description.spiffe_id,
                                   .endpoint = hello.endpoint,
                                   .cluster = hello.cluster,
                                   .boot_id = hello.boot_id,
                                   .counter = hello.counter,
                                   .session = session->carrier,
                                   .about = {}}] { entrance_.on_hello(claim, moment()); });
}

SimServer::SessionPtr SimServer::session_of(const rendezvous::Carrier& carrier) const {
  const auto found = std::ranges::find_if(sessions_, [&](const auto& each) { return each->carrier.get() == &carrier; });
  return found == sessions_.end() ? nullptr : *found;
}

void SimServer::on_admitted(const SessionClaim& claim) {
  post([this, session = session_of(*claim.session)] {
    if (session && !session->over) welcome(session);
  });
}

void SimServer::welcome(const SessionPtr& session) {
  session->admitted = true;
  const auto& description = session->carrier->description();
  directory_.add(description.id, session->carrier);
  wire::Welcome welcome;
  welcome.session_id = description.id;
  welcome.key = description.key;
  session->core.welcome(welcome, context_.now());
  on_demand(session);
  settle(session);
}

void SimServer::on_refused(const SessionClaim& claim, const rendezvous::Refused& why) {
  post([this, session = session_of(*claim.session), why] { refuse(session, why.reason, why.retry_after); });
}

void SimServer::probe(const rendezvous::Carrier& held) {
  post([this, session = session_of(held)] {
    if (!session || !session->admitted) return;
    session->core.probe(context_.now(), context_.now() + core::kTakeoverProbe);
    settle(session);
  });
}

void SimServer::on_superseded(const rendezvous::Carrier& old) {
  post([this, session = session_of(old)] { refuse(session, Reason::superseded, 0s); });
  publish_soon();
}

void SimServer::refuse(const SessionPtr& session, Reason reason, Duration retry_after) {
  if (!session || session->over) return;
  session->core.refuse_session(reason, std::chrono::ceil<std::chrono::seconds>(retry_after), "");
  settle(session);
}

void SimServer::on_register(const SessionPtr& session, const wire::Register& request) {
  const auto registered = registry_.register_service(*session->carrier, request, moment());
  if (!registered) {
    context_.ledger.require(registered.error().reason == Reason::session_ended,
                            "a service was refused: " + registered.error().detail);
    return;
  }
  publish_soon([this, session, claim = request.claim, service = registered->endpoint->service] {
    if (session->over) return;
    session->core.registered({claim, service, {}, {}, session->carrier->pool_size()});
    settle(session);
  });
}

void SimServer::publish_soon(std::function<void()> when_visible) {
  if (when_visible) when_visible_.push_back(std::move(when_visible));
  if (std::exchange(publishing_, true)) return;
  context_.scheduler.after(kPublishEvery, guarded([this] {
                             publishing_ = false;
                             if (auto next = registry_.publish()) snapshot_ = std::move(next);
                             for (const auto& tell : std::exchange(when_visible_, {})) tell();
                           }));
}

void SimServer::on_demand(const SessionPtr& session) {
  if (!session->admitted) return;
  session->core.open_channels(session->carrier->take_ask(context_.now()));
  for (const auto& surplus : session->carrier->take_surplus(context_.now())) close(channels_.at(surplus.number));
}

// Nothing new reaches the agent from here on; live relays stay.
void SimServer::end(SessionPtr session) {
  if (std::exchange(session->over, true)) return;
  session->control->close(Side::server);
  std::erase(sessions_, session);
  if (!session->carrier) return;
  directory_.remove(session->carrier->description().id);
  const auto left = session->carrier->close();
  for (const auto& each : left.channels) close(channels_.at(each.number));
  for (const auto& each : left.waiters) fail_attempt(caller_of(each.number), Reason::no_endpoint);
  post([this, carrier = session->carrier] {
    if (entrance_.on_closed(carrier, moment())) publish_soon();
  });
}

bool SimServer::at_rest() const {
  const bool full = std::ranges::all_of(sessions_, [](const SessionPtr& session) {
    return !session->admitted || session->carrier->load().channels_ready == session->carrier->pool_size();
  });
  return full && callers_.empty() && channels_.size() == ready();
}

std::size_t SimServer::ready() const {
  std::size_t ready = 0;
  for (const auto& session : sessions_) ready += session->carrier ? session->carrier->load().channels_ready : 0;
  return ready;
}

void SimServer::check() const {
  for (const auto& session : sessions_) {
    context_.ledger.require(session->core.output().size() <= core::kMaxQueued, "an output queue grew above its limit");
    if (!session->carrier) continue;
    context_.ledger.require(session->admitted || context_.now() <= session->hello_at + kMostAtTheDoor,
                            "a newcomer was left at the door");
    const auto held = static_cast<std::size_t>(std::ranges::count_if(channels_, [&](const auto& each) {
      return each.second->state == ChannelState::ready && each.second->carrier == session->carrier;
    }));
    context_.ledger.require(session->carrier->load().channels_ready == held, "a pool lost count of its channels");
    context_.ledger.require(held <= std::max<std::size_t>(session->carrier->description().pool.max, 1),
                            "a pool grew above the agent's max");
  }
}

}  // namespace fairlead::sim
