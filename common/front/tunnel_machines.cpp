#include "common/front/tunnel_machines.h"

#include "common/base/ip.h"
#include "common/base/pattern.h"
#include "common/front/tunnel_answer.h"
#include "common/http/framing.h"
#include "common/http/head.h"
#include "common/http/target.h"
#include "common/wire/socks5.h"

namespace fairlead::front {
namespace {

OpeningStep wait() {
  return {.result = OpeningStep::Wait{}};
}
OpeningStep refuse(TunnelWay way, Reason reason) {
  return {.result = reason, .reply = tunnel_refused(way, reason)};
}

// A host that is an address in any notation is one: who resolves it and who compares names must not differ.
bool is_address(std::string_view host) {
  return IpAddress::parse(host).has_value() || host.starts_with('[');
}

OpeningStep open(TunnelWay way, std::string_view host, std::uint16_t port, std::size_t consumed) {
  std::string name = normalize_name(host);
  if (is_address(name)) return refuse(way, Reason::tunnel_to_address);
  return {.result = Opened{TunnelRequest{way, std::move(name), port}}, .consumed = consumed};
}

class SocksRequestMachine final : public OpeningMachine {
 public:
  OpeningStep look(ByteView in) override {
    const auto request = wire::parse_socks_request(in);
    if (const auto* bad = std::get_if<wire::Malformed>(&request)) return refuse(TunnelWay::socks5, bad->reason);
    const auto* done = std::get_if<wire::Done<wire::SocksRequest>>(&request);
    if (done == nullptr) return wait();
    return open(TunnelWay::socks5, done->value.host, done->value.port, done->consumed);
  }
};

class SocksGreetingMachine final : public OpeningMachine {
 public:
  OpeningStep look(ByteView in) override {
    const auto greeting = wire::parse_socks_greeting(in);
    if (const auto* bad = std::get_if<wire::Malformed>(&greeting)) return {.result = bad->reason};
    const auto* done = std::get_if<wire::Done<wire::SocksGreeting>>(&greeting);
    if (done == nullptr) return wait();
    Bytes choice;
    ByteWriter writer(choice);
    wire::write_socks_choice(done->value, writer);
    if (!done->value.open) return {.result = Reason::socks_auth, .reply = std::move(choice)};
    return {.result = OpeningStep::Next{std::make_unique<SocksRequestMachine>()},
            .consumed = done->consumed,
            .reply = std::move(choice)};
  }
};

// RFC 9110 §9.3.6: "host:port", both; RFC 9112 §3.2: one Host field in HTTP/1.1. It has no body.
class ConnectMachine final : public OpeningMachine {
 public:
  OpeningStep look(ByteView in) override {
    const auto parsed = http::parse_request_head(in);
    if (const auto* bad = std::get_if<wire::Malformed>(&parsed)) return refuse(TunnelWay::connect, bad->reason);
    const auto* done = std::get_if<wire::Done<http::RequestHead>>(&parsed);
    if (done == nullptr) return wait();
    const http::RequestHead& head = done->value;
    if (head.method != "CONNECT") return refuse(TunnelWay::connect, Reason::tunnel_method);
    const auto goal = HostPort::parse(head.target);
    if (!goal || goal->port == 0 || !is_well_formed(head)) return refuse(TunnelWay::connect, Reason::http_malformed);
    return open(TunnelWay::connect, goal->host, goal->port, done->consumed);
  }

 private:
  static bool is_well_formed(const http::RequestHead& head) {
    if (http::target_form(head.method, head.target) != http::TargetForm::authority) return false;
    const std::size_t hosts = http::find_field(head.fields, "host").count;
    const auto framing = http::request_framing(head);
    const bool no_body = framing && framing->kind == http::Framing::Kind::none;
    return no_body && (hosts == 1 || (hosts == 0 && head.minor == 0));
  }
};

}  // namespace

std::unique_ptr<OpeningMachine> socks_machine() {
  return std::make_unique<SocksGreetingMachine>();
}

std::unique_ptr<OpeningMachine> connect_machine() {
  return std::make_unique<ConnectMachine>();
}

}  // namespace fairlead::front
