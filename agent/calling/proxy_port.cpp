#include "agent/calling/proxy_port.h"

#include <algorithm>

#include "agent/calling/call_failure.h"
#include "agent/calling/call_ground.h"
#include "common/base/log.h"
#include "common/front/tunnel_answer.h"

namespace fairlead::agent {
namespace {

constexpr front::Limits kOpening{.classify_bytes = 20 * 1024, .classify_timeout = 10s};

}  // namespace

ProxyPort::ProxyPort(const CallTools& tools, tls::TlsClientContext& context, Terms terms, const ListenAddress& address,
                     net::Fd fd, std::function<void()> on_changed)
    : tools_(tools),
      context_(context),
      terms_(std::move(terms)),
      rules_{.accept = {.tls = false, .ticket = false, .verify = false, .socks5 = true, .connect = true},
             .proxy_from = {},
             .service = ""},
      calls_(tools, std::move(on_changed)),
      port_(
          tools.poller(), address, std::move(fd), tools.room.memory().first_buffers(),
          [this] { return openings_.size() < terms_.openings_max; },
          [this](net::Fd accepted, std::string from) { take(std::move(accepted), std::move(from)); }) {}

ProxyPort::~ProxyPort() = default;

void ProxyPort::close() {
  port_.close();
  openings_.clear();
}

// Whoever opens a tunnel speaks first; the bytes behind the opening wait for the service.
void ProxyPort::take(net::Fd fd, std::string from) {
  auto inbound =
      std::make_unique<front::Inbound>(*this, tools_.poller(), std::move(fd), SocketAddress(), rules_, kOpening);
  front::Inbound& started = *inbound;
  openings_[&started] = {std::move(inbound), std::move(from)};
  started.start();
}

void ProxyPort::on_opened(front::Inbound& inbound, front::Opening::Outcome outcome) {
  const auto at = openings_.find(&inbound);
  Opening opening = std::move(at->second);
  const bool was_full = openings_.size() >= terms_.openings_max;
  openings_.erase(at);
  if (const auto* refused = std::get_if<Reason>(&outcome)) {
    refuse(inbound, opening.from, *refused);
  } else if (const auto* request = std::get_if<front::TunnelRequest>(&std::get<front::Opened>(outcome).asks)) {
    call(inbound, opening.from, *request);
  }
  tools_.loop().retire(std::move(opening.inbound));
  if (was_full) port_.look_again();
}

void ProxyPort::refuse(front::Inbound& inbound, const std::string& from, Reason reason) {
  tools_.counters.refused.add(reason);
  const bool left = is_client_leave(reason) || reason == Reason::health_check;
  log(left ? Level::debug : Level::warn, "call",
      {{"caller", from},
       {"way", "proxy"},
       {"reason", reason_code(reason)},
       {"detail", left ? "" : reason_text(reason).next_step}});
  Bytes words = inbound.take_output();
  tools_.relay.farewells.say(inbound.take_polled(), std::move(words));
}

void ProxyPort::call(front::Inbound& inbound, const std::string& from, const front::TunnelRequest& request) {
  const Bytes unsaid = inbound.take_output();
  const auto with_unsaid = [unsaid](const Bytes& answer) {
    Bytes out = unsaid;
    out.insert(out.end(), answer.begin(), answer.end());
    return out;
  };
  CallWords words{.accepted = with_unsaid(front::tunnel_accepted(request.way)),
                  .refused = [way = request.way,
                              with_unsaid](Reason reason) { return with_unsaid(front::tunnel_refused(way, reason)); },
                  .ahead = inbound.take_bytes()};
  const LocalCaller caller{from, front::way_name(request.way)};
  CalledService* service = find_service(request.host);
  if (service != nullptr) {
    return calls_.carry(*service, inbound.take_fd(), caller, std::move(words), call_relay_limits(terms_.limits));
  }
  tools_.counters.refused.add(Reason::unknown_name);
  log(Level::warn, "call",
      {{"service", request.host},
       {"caller", from},
       {"way", caller.way},
       {"reason", reason_code(Reason::unknown_name)},
       {"detail", with_next_step({Reason::unknown_name, request.host + ": is none of the mesh's names"})}});
  tools_.relay.farewells.say(inbound.take_polled(), words.refused(Reason::unknown_name));
}

// Null: who may answer does not follow from such a name.
CalledService* ProxyPort::find_service(const std::string& name) {
  auto called = read_called_name(name, {});
  if (!called) return nullptr;
  auto& known = known_[called->sni];
  if (!known) {
    known = std::make_unique<Known>(Known{.service = {.name = *called,
                                                      .servers = terms_.servers,
                                                      .connect_timeout = terms_.limits.connect_timeout,
                                                      .handshake_timeout = terms_.limits.handshake_timeout,
                                                      .context = context_}});
  }
  known->used = tools_.loop().now();
  CalledService* const service = &known->service;
  if (known_.size() > kMostKnownNames) forget_one();
  return service;
}

// The one that nobody calls and that was not called for longest; the newest was called just now.
void ProxyPort::forget_one() {
  const auto called = calls_.services();
  auto oldest = known_.end();
  for (auto each = known_.begin(); each != known_.end(); ++each) {
    const bool idle = !called.contains(&each->second->service) && each->second->used != tools_.loop().now();
    if (idle && (oldest == known_.end() || each->second->used < oldest->second->used)) oldest = each;
  }
  if (oldest != known_.end()) known_.erase(oldest);
}

}  // namespace fairlead::agent
