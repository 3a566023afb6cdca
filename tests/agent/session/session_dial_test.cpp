// A server with several addresses, of which some are dead in different ways.
#include "agent/session/session_dial.h"

#include "tests/agent/session/link_rig.h"

namespace fairlead::agent {
namespace {

// TCP stands, and nothing comes: nobody accepts.
struct Silent {
  explicit Silent(const std::string& ip, std::uint16_t port) {
    auto bound = net::listen_tcp({*IpAddress::parse(ip), port}, net::ReusePort::no);
    REQUIRE(bound);
    listener = std::move(*bound);
  }
  bool was_called() const {
    const auto accepted = net::accept_connection(listener.get());
    return accepted && accepted->has_value();
  }
  net::Fd listener;
};

struct Rig : LinkRig {
  SocketAddress good() const { return *net::local_address(listener.get()); }
  SocketAddress other(const std::string& ip) const { return {*IpAddress::parse(ip), good().port}; }
  void dial(const std::vector<SocketAddress>& addresses, Duration silence = 50ms) {
    result.reset();
    attempt = std::make_unique<SessionDial>(
        tools, HostPort{"127.0.0.1", good().port}, client_context,
        tls::ServerExpectation{.host = "127.0.0.1", .spiffe_patterns = {"spiffe://{trust_domain}/rendezvous/*"}},
        Bytes(), memory, [this](Result<SessionDial::Opened> opened) { result = std::move(opened); }, silence);
    attempt->start_at(memory.order(addresses, worker.loop.now()));
    REQUIRE(until([&] { return result.has_value(); }));
    worker.loop.retire(std::move(attempt));
  }

  core::AddressMemory memory;
  std::unique_ptr<SessionDial> attempt;
  std::optional<Result<SessionDial::Opened>> result;
};

TEST_CASE("an address that is silent after TCP does not keep the next from its turn") {
  Rig rig;
  const Silent silent("127.0.0.2", rig.good().port);
  rig.dial({rig.other("127.0.0.2"), rig.good()});
  REQUIRE(rig.result->has_value());
  CHECK((*rig.result)->address == rig.good());
  CHECK(silent.was_called());

  SUBCASE("and comes last the next time") {
    rig.dial({rig.other("127.0.0.2"), rig.good()}, 1min);  // however slow this machine is
    REQUIRE(rig.result->has_value());
    CHECK_FALSE(silent.was_called());
  }
}

TEST_CASE("it keeps its place while others are tried beside it") {
  Rig rig;
  const Silent silent("127.0.0.2", rig.good().port);
  // The second is dead: the first is still waited for when there is nobody else.
  const SocketAddress dead = rig.other("127.0.0.3");
  rig.config.limits.connect_timeout = 200ms;
  bool accepted_late = false;
  rig.attempt = std::make_unique<SessionDial>(
      rig.tools, HostPort{"127.0.0.1", rig.good().port}, rig.client_context,
      tls::ServerExpectation{.host = "127.0.0.1", .spiffe_patterns = {"spiffe://{trust_domain}/rendezvous/*"}}, Bytes(),
      rig.memory, [&](Result<SessionDial::Opened> opened) { rig.result = std::move(opened); }, 20ms);
  rig.attempt->start_at({rig.other("127.0.0.2"), dead});
  std::unique_ptr<PlayedSession> late;
  const TimePoint begin = rig.worker.loop.now();
  REQUIRE(rig.until([&] {
    if (rig.worker.loop.now() - begin > 300ms && !std::exchange(accepted_late, true)) {
      auto accepted = net::accept_connection(silent.listener.get());
      REQUIRE((accepted && *accepted));
      late = std::make_unique<PlayedSession>(rig.worker, rig.server_context, std::move((*accepted)->fd));
    }
    return rig.result.has_value();
  }));
  REQUIRE(rig.result->has_value());
  CHECK((*rig.result)->address == rig.other("127.0.0.2"));
  rig.worker.loop.retire(std::move(rig.attempt));
}

TEST_CASE("an address that fails in the handshake gives way to the next") {
  Rig rig;
  auto closing = net::listen_tcp(rig.other("127.0.0.2"), net::ReusePort::no);
  REQUIRE(closing);
  const auto accept_and_close = [&] {
    const auto accepted = net::accept_connection(closing->get());
    return accepted && *accepted;
  };
  std::optional<Result<SessionDial::Opened>> result;
  SessionDial attempt(
      rig.tools, HostPort{"127.0.0.1", rig.good().port}, rig.client_context,
      tls::ServerExpectation{.host = "127.0.0.1", .spiffe_patterns = {"spiffe://{trust_domain}/rendezvous/*"}}, Bytes(),
      rig.memory, [&](Result<SessionDial::Opened> opened) { result = std::move(opened); }, 10s);
  attempt.start_at({rig.other("127.0.0.2"), rig.good()});
  REQUIRE(rig.until([&] {
    accept_and_close();
    return result.has_value();
  }));
  REQUIRE(result->has_value());
  CHECK((*result)->address == rig.good());
}

TEST_CASE("when nobody answers, why is told") {
  Rig rig;
  rig.dial({rig.other("127.0.0.2"), rig.other("127.0.0.3")});
  REQUIRE_FALSE(rig.result->has_value());
  CHECK(rig.result->error().reason == Reason::connect_refused);
}

}  // namespace
}  // namespace fairlead::agent
