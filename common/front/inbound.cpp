#include "common/front/inbound.h"

#include <algorithm>

#include "common/net/socket.h"
#include "common/wire/first_bytes.h"
#include "common/wire/proxy_protocol.h"

namespace fairlead::front {
namespace {
constexpr std::size_t kFirstBuffer = 2 * 1024;  // most hellos fit; it doubles when one does not
}

Inbound::Inbound(InboundOwner& owner, net::Poller& poller, net::Fd fd, SocketAddress peer, const ListenerRules& rules,
                 const Limits& limits)
    : owner_(owner),
      poller_(poller),
      fd_(poller, std::move(fd), *this),
      peer_(peer),
      rules_(rules),
      most_bytes_(limits.classify_bytes),
      accepted_(poller.loop().now()),
      proxy_pending_(!rules.proxy_from.empty()),
      timeout_([](void* self) { static_cast<Inbound*>(self)->on_timeout(); }, this) {
  poller_.loop().timers().arm(timeout_, accepted_ + limits.classify_timeout);
}

void Inbound::start() {
  on_ready({.readable = true, .writable = false, .hung_up = false});
}

void Inbound::on_ready(net::Readiness ready) {
  if (!ready.readable) return;
  while (true) {
    const Read read = read_more();
    if (read == Read::nothing) return;
    if (read == Read::ended) {
      turn_away(said_nothing() ? Reason::health_check : Reason::client_closed);
      return;
    }
    if (examine() == Progress::told) return;
  }
}

Inbound::Read Inbound::read_more() {
  const std::size_t had = buffer_.size();
  const std::size_t room = std::clamp(had, kFirstBuffer, most_bytes_);
  buffer_.resize(std::min(had + room, most_bytes_ + 1));  // one byte more than allowed shows that it is too long
  const auto got = net::read_some(fd_.get(), MutableBytes(buffer_).subspan(had));
  const std::size_t count = got && *got ? **got : 0;
  buffer_.resize(had + count);
  if (!got) return Read::ended;
  if (!*got) return Read::nothing;
  return count == 0 ? Read::ended : Read::more;
}

Inbound::Progress Inbound::examine() {
  if (proxy_pending_ && examine_proxy() == Progress::told) return Progress::told;
  if (proxy_pending_ || buffer_.empty()) return Progress::undecided;
  const auto first = wire::classify_first_bytes(buffer_);
  if (const auto* bad = std::get_if<wire::Malformed>(&first)) return turn_away(bad->reason);
  const auto* done = std::get_if<wire::Done<wire::FirstBytes>>(&first);
  if (done == nullptr) return Progress::undecided;
  switch (done->value) {
    case wire::FirstBytes::tls:
      return examine_hello();
    case wire::FirstBytes::ticket:
      return examine_ticket();
    case wire::FirstBytes::verify:
      return examine_verify();
  }
  return Progress::undecided;
}

Inbound::Progress Inbound::examine_proxy() {
  const auto header = wire::parse_proxy_header(buffer_);
  if (const auto* bad = std::get_if<wire::Malformed>(&header)) return turn_away(bad->reason);
  const auto* done = std::get_if<wire::Done<wire::ProxyHeader>>(&header);
  if (done == nullptr) return Progress::undecided;
  if (!done->value.local && done->value.source) peer_ = *done->value.source;
  buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(done->consumed));
  proxy_pending_ = false;
  return Progress::undecided;
}

Inbound::Progress Inbound::examine_hello() {
  if (!rules_.accept.tls) return turn_away(Reason::not_accepted_here);
  auto hello = wire::parse_client_hello(buffer_);
  if (const auto* bad = std::get_if<wire::Malformed>(&hello)) return turn_away(bad->reason);
  if (auto* done = std::get_if<wire::Done<wire::ClientHello>>(&hello)) {
    settle();
    owner_.on_client_hello(*this, std::move(done->value));
    return Progress::told;
  }
  if (buffer_.size() > most_bytes_) return turn_away(Reason::classify_too_long);
  return Progress::undecided;
}

Inbound::Progress Inbound::examine_ticket() {
  if (!rules_.accept.ticket || !rules_.service.empty()) return turn_away(Reason::not_accepted_here);
  const auto ticket = wire::parse_ticket(buffer_);
  if (const auto* bad = std::get_if<wire::Malformed>(&ticket)) return turn_away(bad->reason);
  const auto* done = std::get_if<wire::Done<wire::Signed<wire::Ticket>>>(&ticket);
  if (done == nullptr) return Progress::undecided;
  // An agent is silent after its ticket until it gets a header: more bytes were put there by somebody else.
  if (done->consumed != buffer_.size()) return turn_away(Reason::ticket_malformed);
  settle();
  owner_.on_ticket(*this, done->value);
  return Progress::told;
}

Inbound::Progress Inbound::examine_verify() {
  if (!rules_.accept.verify) return turn_away(Reason::not_accepted_here);
  const auto request = wire::parse_verify_request(buffer_);
  if (const auto* bad = std::get_if<wire::Malformed>(&request)) return turn_away(bad->reason);
  const auto* done = std::get_if<wire::Done<wire::Signed<wire::VerifyRequest>>>(&request);
  if (done == nullptr) return Progress::undecided;
  // Whoever asks waits for the answer and says nothing else.
  if (done->consumed != buffer_.size()) return turn_away(Reason::verify_malformed);
  settle();
  owner_.on_verify(*this, done->value);
  return Progress::told;
}

Inbound::Progress Inbound::turn_away(Reason reason) {
  settle();
  owner_.on_turned_away(*this, reason);
  return Progress::told;
}

// It is unclassified no more.
void Inbound::settle() {
  timeout_.cancel();
}

void Inbound::on_timeout() {
  turn_away(Reason::classify_timeout);
}

}  // namespace fairlead::front
