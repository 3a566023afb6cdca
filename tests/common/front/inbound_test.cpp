#include "common/front/inbound.h"

#include <sys/socket.h>
#include <unistd.h>

#include "common/net/socket.h"
#include "common/wire/first_bytes.h"
#include "tests/support/doctest.h"

namespace fairlead::front {
namespace {

// One Inbound on one half of a socketpair; the test plays the other half.
struct Rig final : InboundOwner {
  net::Loop loop;
  net::Poller poller{loop};
  net::Fd peer;
  std::unique_ptr<Inbound> inbound;
  ListenerRules rules;
  Limits limits;
  std::string told;
  std::size_t times = 0;
  core::TimerEntry stop_timer{[](void* self) { static_cast<Rig*>(self)->loop.stop(); }, this};

  void open() {
    int pair[2] = {-1, -1};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0);
    peer = net::Fd(pair[0]);
    inbound = std::make_unique<Inbound>(*this, poller, net::Fd(pair[1]), SocketAddress{}, rules, limits);
  }
  void say(ByteView bytes) { CHECK(::send(peer.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) >= 0); }
  void tell(std::string what) {
    told = std::move(what);
    ++times;
    loop.retire(std::move(inbound));
    loop.stop();
  }
  // Until the outcome, or until nothing more happens for a while.
  std::string outcome(Duration patience = 20ms) {
    loop.timers().arm(stop_timer, loop.now() + patience);
    loop.run();
    stop_timer.cancel();
    return told;
  }

  void on_opened(Inbound&, Opening::Outcome outcome) override {
    if (const auto* reason = std::get_if<Reason>(&outcome)) return tell(std::string(reason_code(*reason)));
    const auto& asks = std::get<Opened>(outcome).asks;
    if (const auto* hello = std::get_if<wire::ClientHello>(&asks)) tell("hello " + hello->server_name.value_or("-"));
    if (const auto* ticket = std::get_if<wire::Signed<wire::Ticket>>(&asks)) {
      tell("ticket " + std::to_string(ticket->fields.counter));
    }
    if (const auto* request = std::get_if<wire::Signed<wire::VerifyRequest>>(&asks)) {
      tell("verify " + std::to_string(request->fields.nonce[0]));
    }
  }
  ~Rig() override { inbound.reset(); }
};

// The smallest ClientHello with a server name.
Bytes hello_for(std::string_view name) {
  Bytes out;
  ByteWriter writer(out);
  const auto length = static_cast<std::uint16_t>(name.size());
  const auto extension = static_cast<std::uint16_t>(length + 5);
  const auto body = static_cast<std::uint16_t>(2 + 32 + 1 + 4 + 2 + 2 + 4 + extension);
  writer.bytes(Bytes{0x16, 0x03, 0x01});
  writer.u16(static_cast<std::uint16_t>(body + 4));
  writer.u32(0x01000000u | body);
  writer.u16(0x0303);
  writer.bytes(Bytes(32, 0x5a));
  writer.bytes(Bytes{0, 0, 2, 0xC0, 0x2B, 1, 0});  // no session id, one suite, null compression
  writer.u16(static_cast<std::uint16_t>(4 + extension));
  writer.u16(0);
  writer.u16(extension);
  writer.u16(static_cast<std::uint16_t>(length + 3));
  writer.u8(0);
  writer.u16(length);
  writer.text(name);
  return out;
}

TEST_CASE("a hello in one piece, and byte by byte") {
  Rig whole;
  whole.open();
  whole.say(hello_for("Web.Home"));
  CHECK(whole.outcome(2s) == "hello web.home");
  CHECK(whole.times == 1);

  Rig bytes;
  bytes.open();
  for (const std::uint8_t byte : hello_for("web.home")) {
    CHECK(bytes.told.empty());
    bytes.say({&byte, 1});
    bytes.outcome(1ms);
  }
  CHECK(bytes.outcome(2s) == "hello web.home");
}

TEST_CASE("a ticket, alone") {
  const core::TimerQueue unused;
  Bytes ticket;
  ByteWriter writer(ticket);
  wire::write_ticket({.session = {1}, .counter = 42}, writer);
  ticket.resize(wire::kTicketSize);
  Rig rig;
  rig.open();
  rig.say(ticket);
  CHECK(rig.outcome(2s) == "ticket 42");

  ticket.push_back(0);
  Rig more;
  more.open();
  more.say(ticket);
  CHECK(more.outcome(2s) == "ticket_malformed");

  Rig port;
  port.rules.service = "web.home";
  port.open();
  ticket.pop_back();
  port.say(ticket);
  CHECK(port.outcome(2s) == "not_accepted_here");
}

TEST_CASE("a verify request, alone, and only where it is accepted") {
  Bytes request;
  ByteWriter writer(request);
  wire::write_verify_request({.session = {1}, .nonce = {7}}, writer);
  request.resize(wire::kVerifyRequestSize);
  const auto sent = [](ByteView bytes, bool accepted) {
    Rig rig;
    rig.rules.accept = {.tls = true, .ticket = false, .verify = accepted};
    rig.open();
    rig.say(bytes);
    return rig.outcome(2s);
  };
  CHECK(sent(request, true) == "verify 7");
  CHECK(sent(request, false) == "not_accepted_here");
  request.push_back(0);
  CHECK(sent(request, true) == "verify_malformed");
  request[4] = 2;  // another version
  CHECK(sent(request, true) == "verify_malformed");
  Rig cut;
  cut.rules.accept.verify = true;
  cut.open();
  cut.say(ByteView(request).first(4));
  CHECK(cut.outcome().empty());
}

TEST_CASE("what is neither is turned away with its reason") {
  const auto sent = [](ByteView bytes) {
    Rig rig;
    rig.open();
    rig.say(bytes);
    return rig.outcome(2s);
  };
  CHECK(sent(as_bytes("GET / HTTP/1.1\r\n\r\n")) == "client_not_tls");
  CHECK(sent(as_bytes("SSH-2.0-x\r\n")) == "client_not_tls");
  CHECK(sent(as_bytes("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n")) == "client_not_tls");  // never sniffed
  Bytes broken = hello_for("web.home");
  broken[43] = 0xff;  // longer than a session id may be
  CHECK(sent(broken) == "client_hello_malformed");
}

TEST_CASE("bounds in time and bytes, and a client that leaves") {
  Rig slow;
  slow.limits.classify_timeout = 30ms;
  slow.open();
  const Bytes hello = hello_for("web.home");
  slow.say(ByteView(hello).first(20));
  CHECK(slow.outcome(2s) == "classify_timeout");

  Rig large;
  large.limits.classify_bytes = 2048;
  large.open();
  Bytes announced{0x16, 0x03, 0x01, 0x40, 0x00, 0x01, 0x00, 0x3f, 0xfc};
  announced.resize(3000);
  large.say(announced);
  CHECK(large.outcome(2s) == "classify_too_long");

  Rig gone;
  gone.open();
  gone.say(ByteView(hello).first(20));
  gone.peer.reset();
  CHECK(gone.outcome(2s) == "client_closed");
}

TEST_CASE("who connects and leaves without a byte, as balancers do, is no failed client") {
  Rig silent;
  silent.open();
  silent.peer.reset();
  CHECK(silent.outcome(2s) == "health_check");

  for (const std::string_view header : {"PROXY UNKNOWN\r\n", "PROXY TCP4 192.0.2.1 192.0.2.2 4000 443\r\n"}) {
    Rig proxied;
    proxied.rules.proxy_from = {*Cidr::parse("0.0.0.0/0")};
    proxied.open();
    proxied.say(as_bytes(header));
    proxied.peer.reset();
    CHECK(proxied.outcome(2s) == "health_check");
  }

  Rig cut;  // within its PROXY header
  cut.rules.proxy_from = {*Cidr::parse("0.0.0.0/0")};
  cut.open();
  cut.say(as_bytes("PROXY TC"));
  cut.peer.reset();
  CHECK(cut.outcome(2s) == "client_closed");
}

TEST_CASE("a listener for PROXY headers demands one and believes it") {
  Rig rig;
  rig.rules.proxy_from = {*Cidr::parse("0.0.0.0/0")};
  rig.open();
  rig.say(hello_for("web.home"));
  CHECK(rig.outcome(2s) == "proxy_header_required");

  Rig told;
  told.rules.proxy_from = {*Cidr::parse("0.0.0.0/0")};
  told.open();
  Inbound* inbound = told.inbound.get();
  told.say(as_bytes("PROXY TCP4 192.0.2.1 192.0.2.2 4000 443\r\n"));
  told.outcome(20ms);
  CHECK(inbound->peer() == SocketAddress{*IpAddress::parse("192.0.2.1"), 4000});
  told.say(hello_for("web.home"));
  CHECK(told.outcome(2s) == "hello web.home");
}

}  // namespace
}  // namespace fairlead::front
