#include "agent/direct/direct_listener.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/wire/proxy_protocol.h"
#include "common/wire/tls_alert.h"
#include "tests/agent/direct/direct_rig.h"

namespace fairlead::agent {
namespace {

Bytes read_some_of(DirectRig& rig, const net::Fd& fd, std::size_t at_least) {
  Bytes out;
  CHECK(rig.worker.until([&] {
    const Bytes more = net::test::read_now(fd.get());
    out.insert(out.end(), more.begin(), more.end());
    return out.size() >= at_least;
  }));
  return out;
}

TEST_CASE("a confirmed service gets the client's bytes as they are, and the client its answer") {
  DirectRig rig;
  const Bytes hello = client_hello("web.home");
  net::Fd client = rig.call(hello);
  net::Fd service = rig.accept_at_service();
  CHECK(read_some_of(rig, service, hello.size()) == hello);
  CHECK(rig.tools.room.relays() == 1);
  CHECK(rig.listener->relays() == 1);

  const Bytes answer = net::test::server_hello();
  REQUIRE(net::write_some(service.get(), answer)->value_or(0) == answer.size());
  CHECK(read_some_of(rig, client, answer.size()) == answer);

  client.reset();
  service.reset();
  CHECK(rig.worker.until([&] { return rig.tools.room.relays() == 0; }));
  CHECK(rig.listener->relays() == 0);
  CHECK(rig.listener->accepted() == 1);
  CHECK(rig.closed(Reason::completed) == 1);
}

TEST_CASE("a client that has ended its stream behind its hello is answered") {
  DirectRig rig;
  const Bytes hello = client_hello("web.home");
  const net::Fd client = rig.call(hello);
  net::shut_down_writing(client.get());
  const net::Fd service = rig.accept_at_service();
  CHECK(read_some_of(rig, service, hello.size()) == hello);
  CHECK(rig.worker.until([&] { return net::test::read_outcome(service.get()) == 0; }));
  const Bytes answer = net::test::server_hello();
  REQUIRE(net::write_some(service.get(), answer)->value_or(0) == answer.size());
  CHECK(read_some_of(rig, client, answer.size()) == answer);
}

TEST_CASE("who is not served hears why by an alert") {
  DirectRig rig;
  CHECK(rig.answer_to(client_hello("mail.home")) == alert(wire::kUnrecognizedName));
  CHECK(rig.answer_to(client_hello("")) == alert(wire::kUnrecognizedName));
  CHECK(rig.answer_to(client_hello("", {"fairlead/1", "h2"})) == alert(wire::kUnrecognizedName));
  CHECK(rig.answer_to(client_hello("192.0.2.1")) == alert(wire::kUnrecognizedName));
  CHECK(rig.refused(Reason::unknown_name) == 4);

  ConfirmedService web = rig.web();
  web.sources = {*Cidr::parse("10.0.0.0/8"), *Cidr::parse("::/0")};
  rig.listener->set_services({web});
  CHECK(rig.answer_to(client_hello("web.home")) == alert(wire::kAccessDenied));
  CHECK(rig.refused(Reason::source_denied) == 1);

  rig.listener->set_services({});
  CHECK(rig.answer_to(client_hello("web.home")) == alert(wire::kInternalError));
  CHECK(rig.refused(Reason::no_endpoint) == 1);
  CHECK(rig.tools.room.relays() == 0);
}

TEST_CASE("what is neither a ClientHello nor a verification is closed without a word") {
  DirectRig rig;
  CHECK(rig.answer_to(as_bytes("GET / HTTP/1.1\r\n\r\n")).empty());
  CHECK(rig.answer_to(as_bytes("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n")).empty());
  CHECK(rig.refused(Reason::client_not_tls) == 2);
  CHECK(rig.answer_to(rig.keys->make_ticket(1)).empty());
  CHECK(rig.refused(Reason::not_accepted_here) == 1);
}

TEST_CASE("the service hears who called where it wants to") {
  DirectRig rig;
  ConfirmedService web = rig.web();
  web.config.proxy_protocol = ProxyProtocol::v2;
  rig.listener->set_services({web});
  const Bytes hello = client_hello("nas1.web.home");
  const net::Fd client = rig.call(hello);
  const net::Fd service = rig.accept_at_service();
  const Bytes got = read_some_of(rig, service, hello.size() + 16);
  const auto parsed = wire::parse_proxy_header(got);
  const auto* done = std::get_if<wire::Done<wire::ProxyHeader>>(&parsed);
  REQUIRE(done != nullptr);
  CHECK(done->value.source == net::local_address(client.get()));
  CHECK(done->value.authority == "nas1.web.home");
  CHECK(done->value.unique_id.size() == 16);
  CHECK(Bytes(got.begin() + static_cast<std::ptrdiff_t>(done->consumed), got.end()) == hello);
}

TEST_CASE("a target that is not there, and one that speaks no TLS") {
  DirectRig rig;
  ConfirmedService web = rig.web();
  {
    const auto free_port = net::listen_tcp({IpAddress::v4({127, 0, 0, 1}), 0}, net::ReusePort::no);
    web.config.target = HostPort{"127.0.0.1", net::local_address(free_port->get())->port};
  }
  rig.listener->set_services({web});
  CHECK(rig.answer_to(client_hello("web.home")) == alert(wire::kInternalError));
  CHECK(rig.refused(Reason::target_refused) == 1);
  CHECK(rig.tools.room.relays() == 0);

  rig.listener->set_services({rig.web()});
  const net::Fd client = rig.call(client_hello("web.home"));
  const net::Fd service = rig.accept_at_service();
  REQUIRE(net::write_some(service.get(), as_bytes("SSH-2.0-plain\r\n")).has_value());
  CHECK(rig.read_until_closed(client) == alert(wire::kInternalError));
  CHECK(rig.worker.until([&] { return rig.tools.room.relays() == 0; }));
}

// A listener that takes nothing more: connects to it hang.
struct FullTarget {
  FullTarget() : fd(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
    sockaddr_in any{};
    any.sin_family = AF_INET;
    any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&any), sizeof any) == 0);
    REQUIRE(::listen(fd.get(), 0) == 0);
    address = *net::local_address(fd.get());
    for (int i = 0; i < 4; ++i) waiting.push_back(std::move(*net::connect_tcp(address)));
  }
  net::Fd fd;
  SocketAddress address;
  std::vector<net::Fd> waiting;
};

TEST_CASE("a target that never answers: the client waits for connect_timeout, or leaves") {
  const FullTarget target;
  DirectRig rig;
  ConfirmedService web = rig.web();
  web.config.target = HostPort{"127.0.0.1", target.address.port};
  rig.listener->set_services({web});
  net::Fd leaving = rig.call(client_hello("web.home"));
  CHECK(rig.worker.until([&] { return rig.tools.room.relays() == 1; }));
  net::reset_on_close(leaving.get());
  leaving.reset();
  CHECK(rig.worker.until([&] { return rig.refused(Reason::client_reset) == 1; }));
  CHECK(rig.tools.room.relays() == 0);

  rig.config.limits.connect_timeout = 50ms;
  CHECK(rig.answer_to(client_hello("web.home")) == alert(wire::kInternalError));
  CHECK(rig.refused(Reason::target_timeout) == 1);

  rig.config.limits.connect_timeout = 10s;
  const net::Fd stopped = rig.call(client_hello("web.home"));
  CHECK(rig.worker.until([&] { return rig.tools.room.relays() == 1; }));
  rig.listener->shut_down(Reason::shutting_down);
  CHECK(rig.read_until_closed(stopped) == alert(wire::kInternalError));
  CHECK(rig.refused(Reason::shutting_down) == 1);
}

TEST_CASE("relays count against the agent's limit, and each source has its own") {
  DirectRig rig({.relays_per_source = 2});
  std::vector<RelayShare> others;
  while (rig.tools.room.relays() + 1 < rig.tools.room.relays_max())
    others.push_back(*rig.tools.room.take(Tls::passthrough));
  net::Fd first = rig.call(client_hello("web.home"));
  net::Fd service = rig.accept_at_service();
  CHECK(rig.answer_to(client_hello("web.home")) == alert(wire::kInternalError));
  CHECK(rig.refused(Reason::agent_busy) == 1);

  for (const RelayShare& share : others) rig.tools.room.give_back(share);
  const net::Fd second = rig.call(client_hello("web.home"));
  const net::Fd other = rig.accept_at_service();
  CHECK(rig.answer_to(client_hello("web.home")) == alert(wire::kInternalError));
  CHECK(rig.refused(Reason::relays_per_source) == 1);

  first.reset();
  service.reset();
  CHECK(rig.worker.until([&] { return rig.tools.room.relays() == 1; }));
  const net::Fd third = rig.call(client_hello("web.home"));
  CHECK(rig.accept_at_service().valid());
}

TEST_CASE("connections that say nothing are few, and do not keep out who speaks") {
  DirectRig rig({.unclassified = 2, .unclassified_per_source = 1});
  const net::Fd silent = rig.connect();
  CHECK(rig.worker.until([&] { return rig.listener->accepted() == 1; }));
  const net::Fd client = rig.call(client_hello("web.home"));
  CHECK(rig.accept_at_service().valid());
  CHECK(rig.refused(Reason::unclassified_per_source) == 0);
  // The next silent one takes the place of the oldest.
  net::Fd second = rig.connect();
  CHECK(rig.worker.until([&] { return rig.refused(Reason::unclassified_per_source) == 1; }));
  CHECK(rig.worker.until([&] { return net::peek(silent.get()) == net::Peek::end; }));
  CHECK(net::peek(second.get()) == net::Peek::nothing);
  second.reset();
  CHECK(rig.worker.until([&] { return rig.refused(Reason::health_check) == 1; }));
  CHECK(rig.answer_to(client_hello("mail.home")) == alert(wire::kUnrecognizedName));

  DirectRig slow({.classify = {.classify_timeout = 20ms}});
  CHECK(slow.answer_to(ByteView(client_hello("web.home")).first(20)).empty());
  CHECK(slow.refused(Reason::classify_timeout) == 1);
}

TEST_CASE("an address that is left out is tried again") {
  DirectRig rig;
  auto holder = net::listen_tcp({IpAddress::v4({127, 0, 0, 1}), 0}, net::ReusePort::no);
  REQUIRE(holder);
  const SocketAddress held = *net::local_address(holder->get());
  DirectListener listener(rig.tools,
                          DirectOptions{.listen = {{IpAddress::v4({127, 0, 0, 1}), 0}, held},
                                        .name = "again" + std::to_string(::getpid()),
                                        .rendezvous_id = "",
                                        .limits = {}},
                          rig);
  REQUIRE(listener.open());
  REQUIRE(listener.missing().size() == 1);
  CHECK(listener.missing()[0].address == held);
  CHECK(listener.missing()[0].why.reason == Reason::address_in_use);
  CHECK_FALSE(listener.open_missing());
  CHECK(listener.missing().size() == 1);
  holder->reset();
  CHECK(listener.open_missing());
  CHECK(listener.missing().empty());
  CHECK(listener.addresses().size() == 2);
  CHECK_FALSE(listener.open_missing());
  listener.shut_down(Reason::shutting_down);
}

TEST_CASE("close_idle lets live connections go on, shut_down ends them") {
  DirectRig rig;
  const SocketAddress address = rig.address();
  const net::Fd silent = rig.connect();
  CHECK(rig.worker.until([&] { return rig.listener->accepted() == 1; }));  // after a second of silence
  const net::Fd client = rig.call(client_hello("web.home"));
  const net::Fd service = rig.accept_at_service();
  CHECK(rig.worker.until([&] { return rig.tools.room.relays() == 1; }));
  rig.listener->close_idle();
  CHECK(rig.listener->addresses().empty());
  CHECK(rig.read_until_closed(silent).empty());
  CHECK(rig.tools.room.relays() == 1);
  const Bytes answer = net::test::server_hello();
  REQUIRE(net::write_some(service.get(), answer).has_value());
  CHECK(read_some_of(rig, client, answer.size()) == answer);
  auto late = net::connect_tcp(address);
  CHECK((!late || net::connect_result(late->get()).has_value()));

  rig.listener->shut_down(Reason::shutting_down);
  CHECK(rig.tools.room.relays() == 0);
  CHECK(rig.closed(Reason::shutting_down) == 1);
}

}  // namespace
}  // namespace fairlead::agent
