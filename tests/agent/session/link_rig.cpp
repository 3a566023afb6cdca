#include "tests/agent/session/link_rig.h"

#include "common/wire/alpn.h"

namespace fairlead::agent {
namespace {

net::Fd listen_on_loopback() {
  auto bound = net::listen_tcp(*SocketAddress::parse("127.0.0.1:0"), net::ReusePort::no);
  REQUIRE(bound);
  return std::move(*bound);
}

}  // namespace

PlayedSession::PlayedSession(net::test::Worker& worker, tls::TlsServerContext& context, net::Fd fd)
    : session(worker.loop.now()), worker_(worker) {
  auto engine = tls::TlsEngine::server(context);
  REQUIRE(engine);
  stream_ = std::make_unique<net::TlsStream>(worker.poller, std::move(fd), std::move(*engine), *this);
  stream_->start({});
}

void PlayedSession::on_tls_progress(net::TlsStream& stream) {
  if (stream.error()) over_ = true;
  if (!stream.handshake_done() || driver_) return;
  driver_ = std::make_unique<net::SessionDriver>(worker_.loop, std::move(stream_), session, *this);
  driver_->start();
}

void PlayedSession::on_session_events() {
  while (auto event = session.next_event()) events_.push_back(std::move(*event));
}

void PlayedSession::on_session_over(const Error& /*how*/) {
  over_ = true;
  driver_->end();
}

LinkRig::LinkRig(const std::string& host)
    : server_context({.credentials = ca.credentials("rendezvous/main",
                                                    {.dns_names = {"localhost"}, .ip_addresses = {"127.0.0.1"}}),
                      .alpn = {wire::kSessionAlpn},
                      .ticket_keys = nullptr,
                      .clock = net::wall_now}),
      client_context(
          {.credentials = ca.credentials("agent/home/nas1"), .alpn = {wire::kSessionAlpn}, .clock = net::wall_now}),
      listener(listen_on_loopback()),
      tools{.loop = worker.loop,
            .channel = {worker.poller, worker.pipes, worker.farewells},
            .config = config,
            .counters = counters,
            .rng = rng,
            .room{10}},
      kept(worker.loop) {
  config.services = {{.name = "web", .target = HostPort{"127.0.0.1", 9}, .port = 443}};
  link = std::make_unique<RendezvousLink>(tools, *this, HostPort{host, net::local_address(listener.get())->port});
}

LinkRig::~LinkRig() {
  link->close(Reason::shutting_down);
  kept.close_all(Reason::shutting_down);
  worker.settle();
}

bool LinkRig::until(const std::function<bool()>& condition) {
  return worker.until([&] {
    if (auto accepted = net::accept_connection(listener.get()); accepted && *accepted) {
      sessions.push_back(std::make_unique<PlayedSession>(worker, server_context, std::move((*accepted)->fd)));
    }
    return condition();
  });
}

wire::Welcome LinkRig::welcome() const {
  return {.instance_id = {1},
          .session_id = {0x80, 0x81, 0x82},
          .key = {2},
          .address_seen = *SocketAddress::parse("25.1.0.2:4000"),
          .server_time = net::wall_now().time_since_epoch().count()};
}

void LinkRig::open(const wire::Welcome& with) {
  const std::size_t before = sessions.size();
  if (link->state() == RendezvousLink::State::standby) link->activate();
  REQUIRE(until([&] { return sessions.size() > before && latest().heard<core::server_event::HelloReceived>(); }));
  latest().say([&](core::ServerSession& session) { session.welcome(with, worker.loop.now()); });
}

}  // namespace fairlead::agent
