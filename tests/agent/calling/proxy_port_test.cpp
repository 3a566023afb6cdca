// One port for every name: what local programs are answered, and what reaches the service. Real TLS over loopback,
// servers that the test plays.
#include "agent/calling/proxy_port.h"

#include "tests/agent/calling/call_rig.h"

namespace fairlead::agent {
namespace {

using Plays = PlayedServer::Plays;

constexpr std::string_view kHead = "CONNECT web.home:80 HTTP/1.1\r\nHost: web.home:80\r\n\r\n";
const std::string kGreeting("\x05\x01\x00", 3);
const std::string kRequest("\x05\x01\x00\x03\x08web.home\x00\x50", 15);

struct Rig : CallRig {
  explicit Rig(Plays what = Plays::service, std::uint8_t alert = 112) : server(add(what, alert)) {
    const ListenAddress listen = read_listen_address("0").value();
    port.emplace(tools, client_context, ProxyPort::Terms{service.servers, {}, 2}, listen,
                 LocalPort::listen(listen).value(), [this] { ++changes; });
  }
  net::Fd caller() const {
    auto fd = net::connect_tcp(*SocketAddress::parse(port->address()));
    REQUIRE(fd.has_value());
    return std::move(*fd);
  }
  void say(const net::Fd& fd, std::string_view text) {
    REQUIRE(until([&] { return net::write_some(fd.get(), as_bytes(text)).value_or(std::nullopt) == text.size(); }));
  }
  // What comes until there are so many bytes, or the end.
  std::string hear(const net::Fd& fd, std::size_t size = SIZE_MAX) {
    std::string out;
    bool over = false;
    REQUIRE(until([&] {
      Bytes space(4096);
      const auto got = net::read_some(fd.get(), space);
      if (got && *got) out += as_text(ByteView(space).first(**got));
      over = !got || (*got && **got == 0);
      return over || out.size() >= size;
    }));
    return out;
  }
  std::string hear(net::TlsByteStream& stream, std::size_t size) {
    std::string out;
    REQUIRE(until([&] {
      Bytes space(100);
      const auto got = stream.read(space);
      if (got.kind == net::StreamRead::Kind::bytes) out += as_text(ByteView(space).first(got.count));
      return out.size() >= size;
    }));
    return out;
  }
  net::TlsByteStream& answered() {
    REQUIRE(until([&] { return !server.streams.empty() && server.streams.back()->handshake_done(); }));
    return *server.streams.back();
  }

  PlayedServer& server;
  int changes = 0;
  std::optional<ProxyPort> port;
};

std::string status_of(const std::string& answer) {
  return answer.substr(0, answer.find('\r'));
}

TEST_CASE("a CONNECT leads to the service, and is answered when that has") {
  Rig rig;
  const net::Fd caller = rig.caller();
  rig.say(caller, kHead);
  CHECK(rig.hear(caller, 19) == "HTTP/1.1 200 OK\r\n\r\n");
  rig.say(caller, "question");
  CHECK(rig.hear(rig.answered(), 8) == "question");
  CHECK(rig.answered().write(as_bytes("answer")) == 6);
  CHECK(rig.hear(caller, 6) == "answer");
  CHECK(rig.port->calls() == 1);
  CHECK(rig.places.relays() == 1);
  CHECK(rig.changes == 2);  // taken, answered
}

TEST_CASE("SOCKS5, step by step and all at once, with what follows it") {
  Rig rig;
  const net::Fd caller = rig.caller();
  SUBCASE("step by step") {
    rig.say(caller, kGreeting);
    CHECK(rig.hear(caller, 2) == std::string("\x05\x00", 2));
    rig.say(caller, kRequest);
    CHECK(rig.hear(caller, 10) == std::string("\x05\x00\x00\x01\0\0\0\0\0\0", 10));
    rig.say(caller, "question");
  }
  SUBCASE("at once") {
    rig.say(caller, kGreeting + kRequest + "question");
    CHECK(rig.hear(caller, 12) == std::string("\x05\x00\x05\x00\x00\x01\0\0\0\0\0\0", 12));
  }
  CHECK(rig.hear(rig.answered(), 8) == "question");
}

TEST_CASE("the second call of a name goes on with the session of the first") {
  Rig rig;
  for (const bool resumed : {false, true}) {
    const net::Fd caller = rig.caller();
    rig.say(caller, kHead);
    CHECK(status_of(rig.hear(caller, 19)) == "HTTP/1.1 200 OK");
    CHECK(rig.answered().engine().resumed() == resumed);
  }
}

TEST_CASE("a name that nobody has, a service that lets nobody in: in the words of the protocol") {
  struct Row {
    std::uint8_t alert;
    std::string status;
    char reply;
    Reason reason;
  };
  for (const Row& row : {Row{112, "HTTP/1.1 404 Not Found", 4, Reason::unknown_name},
                         Row{80, "HTTP/1.1 503 Service Unavailable", 5, Reason::no_endpoint},
                         Row{49, "HTTP/1.1 403 Forbidden", 2, Reason::policy_denied}}) {
    Rig rig(Plays::alert, row.alert);
    const net::Fd web = rig.caller();
    rig.say(web, std::string(kHead) + "bytes that nobody reads");
    const std::string answer = rig.hear(web);
    CHECK(status_of(answer) == row.status);
    CHECK(answer.find(reason_code(row.reason)) != std::string::npos);
    const net::Fd socks = rig.caller();
    rig.say(socks, kGreeting + kRequest);
    const std::string reply = rig.hear(socks);
    REQUIRE(reply.size() == 12);
    CHECK(reply[3] == row.reply);
    CHECK(rig.counters.refused.get(row.reason) == 2);
    CHECK(rig.port->calls() == 0);
    CHECK(rig.places.relays() == 0);
  }
}

TEST_CASE("what asks for no name of the mesh is refused here") {
  Rig rig;
  const auto status = [&](std::string_view head) {
    const net::Fd caller = rig.caller();
    rig.say(caller, head);
    return status_of(rig.hear(caller));
  };
  CHECK(status("CONNECT localhost:80 HTTP/1.0\r\n\r\n") == "HTTP/1.1 404 Not Found");
  CHECK(status("CONNECT a.b.c.example.com:80 HTTP/1.0\r\n\r\n") == "HTTP/1.1 404 Not Found");
  CHECK(status("CONNECT 192.0.2.1:80 HTTP/1.0\r\n\r\n") == "HTTP/1.1 403 Forbidden");
  CHECK(status("GET http://web.home/ HTTP/1.1\r\nHost: web.home\r\n\r\n") == "HTTP/1.1 405 Method Not Allowed");
  CHECK(rig.counters.refused.get(Reason::unknown_name) == 2);
  CHECK(rig.counters.refused.get(Reason::tunnel_to_address) == 1);
  CHECK(rig.server.calls == 0);
}

TEST_CASE("where no place is left the caller is told") {
  Rig rig;
  std::vector<RelayShare> all;
  while (rig.places.relays() < rig.places.relays_max()) all.push_back(*rig.places.take(Tls::passthrough));
  const net::Fd caller = rig.caller();
  rig.say(caller, kHead);
  const std::string answer = rig.hear(caller);
  CHECK(status_of(answer) == "HTTP/1.1 503 Service Unavailable");
  CHECK(answer.find("agent_busy") != std::string::npos);
  CHECK(rig.server.calls == 0);
}

TEST_CASE("beyond the most openings at a time callers wait for their turn") {
  Rig rig;
  net::Fd first = rig.caller();
  const net::Fd second = rig.caller();
  const net::Fd third = rig.caller();
  rig.say(third, kHead);
  rig.worker.settle();
  CHECK(rig.server.calls == 0);
  first.reset();
  CHECK(status_of(rig.hear(third, 19)) == "HTTP/1.1 200 OK");
}

TEST_CASE("names that are called again and again are kept, and not without end") {
  Rig rig(Plays::alert);
  for (std::size_t i = 0; i < kMostKnownNames + 40; ++i) {
    const net::Fd caller = rig.caller();
    rig.say(caller, "CONNECT n" + std::to_string(i) + ".home:80 HTTP/1.0\r\n\r\n");
    CHECK(status_of(rig.hear(caller)) == "HTTP/1.1 404 Not Found");
  }
  CHECK(rig.port->known_names() <= kMostKnownNames + 1);
}

TEST_CASE("nothing more is taken once it closes, and its end resets what it carries") {
  Rig rig;
  const net::Fd caller = rig.caller();
  rig.say(caller, kHead);
  CHECK(rig.hear(caller, 19).size() == 19);
  rig.port->close();
  CHECK(rig.port->calls() == 1);
  rig.port.reset();
  Bytes got(1);
  CHECK(rig.until([&] { return !net::read_some(caller.get(), got).has_value(); }));
  CHECK(rig.places.relays() == 0);
}

}  // namespace
}  // namespace fairlead::agent
