// The machines of what our own programs and mesh clients begin with: each is the codec of its protocol and what a
// listener's rules say to it.
#include "common/front/opening.h"
#include "common/front/tunnel_machines.h"
#include "common/wire/first_bytes.h"
#include "common/wire/proxy_protocol.h"

namespace fairlead::front {
namespace {

OpeningStep wait() {
  return {.result = OpeningStep::Wait{}};
}
OpeningStep refuse(Reason reason) {
  return {.result = reason};
}
OpeningStep hand_over(std::unique_ptr<OpeningMachine> machine, std::size_t consumed = 0) {
  return {.result = OpeningStep::Next{std::move(machine)}, .consumed = consumed};
}

// The hello stays in the buffer: it is the client's first word to whoever it asks for.
class HelloMachine final : public OpeningMachine {
 public:
  OpeningStep look(ByteView in) override {
    auto hello = wire::parse_client_hello(in);
    if (const auto* bad = std::get_if<wire::Malformed>(&hello)) return refuse(bad->reason);
    auto* done = std::get_if<wire::Done<wire::ClientHello>>(&hello);
    return done == nullptr ? wait() : OpeningStep{.result = Opened{std::move(done->value)}};
  }
};

// A message that its sender follows by silence until it is answered: more bytes were put there by somebody else.
template <class T>
class LoneMessageMachine final : public OpeningMachine {
 public:
  using Parse = wire::Parsed<T> (*)(ByteView);
  LoneMessageMachine(Parse parse, Reason crowded) : parse_(parse), crowded_(crowded) {}

  OpeningStep look(ByteView in) override {
    const auto message = parse_(in);
    if (const auto* bad = std::get_if<wire::Malformed>(&message)) return refuse(bad->reason);
    const auto* done = std::get_if<wire::Done<T>>(&message);
    if (done == nullptr) return wait();
    if (done->consumed != in.size()) return refuse(crowded_);
    return {.result = Opened{done->value}};
  }

 private:
  const Parse parse_;
  const Reason crowded_;
};
using TicketMachine = LoneMessageMachine<wire::Signed<wire::Ticket>>;
using VerifyMachine = LoneMessageMachine<wire::Signed<wire::VerifyRequest>>;

class FirstBytesMachine final : public OpeningMachine {
 public:
  explicit FirstBytesMachine(const ListenerRules& rules) : rules_(rules) {}

  OpeningStep look(ByteView in) override {
    const auto first = wire::classify_first_bytes(in);
    if (std::holds_alternative<wire::Malformed>(first)) return refuse(unknown());
    const auto* done = std::get_if<wire::Done<wire::FirstBytes>>(&first);
    if (done == nullptr) return wait();
    auto machine = machine_for(done->value);
    if (machine) return hand_over(std::move(machine));
    const bool clear = done->value == wire::FirstBytes::socks5 || done->value == wire::FirstBytes::http;
    return refuse(clear ? unknown() : Reason::not_accepted_here);
  }

 private:
  // Whoever meant TLS is told that it was none; elsewhere nobody did.
  Reason unknown() const { return rules_.accept.tls ? Reason::client_not_tls : Reason::not_accepted_here; }

  // Null: this listener does not take it. A fixed port is its service's alone.
  std::unique_ptr<OpeningMachine> machine_for(wire::FirstBytes first) const {
    switch (first) {
      case wire::FirstBytes::tls:
        if (rules_.accept.tls) return std::make_unique<HelloMachine>();
        break;
      case wire::FirstBytes::ticket:
        if (!rules_.accept.ticket || !rules_.service.empty()) break;
        return std::make_unique<TicketMachine>(&wire::parse_ticket, Reason::ticket_malformed);
      case wire::FirstBytes::verify:
        if (!rules_.accept.verify) break;
        return std::make_unique<VerifyMachine>(&wire::parse_verify_request, Reason::verify_malformed);
      case wire::FirstBytes::socks5:
        if (!rules_.accept.socks5 || !rules_.service.empty()) break;
        return socks_machine();
      case wire::FirstBytes::http:
        if (!rules_.accept.connect || !rules_.service.empty()) break;
        return connect_machine();
    }
    return nullptr;
  }

  const ListenerRules& rules_;
};

// A header that is mandatory, never sniffed.
class ProxyMachine final : public OpeningMachine {
 public:
  explicit ProxyMachine(const ListenerRules& rules) : rules_(rules) {}

  OpeningStep look(ByteView in) override {
    const auto header = wire::parse_proxy_header(in);
    if (const auto* bad = std::get_if<wire::Malformed>(&header)) return refuse(bad->reason);
    const auto* done = std::get_if<wire::Done<wire::ProxyHeader>>(&header);
    if (done == nullptr) return wait();
    OpeningStep step = hand_over(std::make_unique<FirstBytesMachine>(rules_), done->consumed);
    if (!done->value.local) step.caller = done->value.source;
    return step;
  }

 private:
  const ListenerRules& rules_;
};

}  // namespace

std::unique_ptr<OpeningMachine> first_machine(const ListenerRules& rules) {
  if (!rules.proxy_from.empty()) return std::make_unique<ProxyMachine>(rules);
  return std::make_unique<FirstBytesMachine>(rules);
}

}  // namespace fairlead::front
