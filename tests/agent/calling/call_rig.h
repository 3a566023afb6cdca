#pragma once
// A called service over loopback, behind servers that tests play themselves: real TLS, no rendezvous.
#include <memory>
#include <string>
#include <vector>

#include "agent/calling/service_dial.h"
#include "tests/common/net/rig.h"
#include "tests/support/test_ca.h"

namespace fairlead::agent {

// Where calls arrive, and what becomes of them there.
class PlayedServer final : private net::ByteStreamOwner {
 public:
  enum class Plays { service, alert, silence, hang_up };

  PlayedServer(net::test::Worker& on, tls::TlsServerContext& context, Plays what, std::uint8_t alert = 0)
      : worker_(on), context_(context), plays_(what), alert_(alert) {
    listener_ = net::listen_tcp({*IpAddress::parse("127.0.0.1"), 0}, net::ReusePort::no).value();
  }

  HostPort address() const { return {"127.0.0.1", net::local_address(listener_.get())->port}; }
  // Takes what waits.
  void serve() {
    while (true) {
      auto accepted = net::accept_connection(listener_.get());
      if (!accepted || !*accepted) return;
      ++calls;
      take((*accepted)->fd);
    }
  }

  int calls = 0;
  std::vector<std::unique_ptr<net::TlsByteStream>> streams;  // of a service

 private:
  struct Nobody final : net::PollTarget {
    void on_ready(net::Readiness /*ready*/) override {}
  };
  void on_stream_progress(net::ByteStream& /*stream*/) override {}
  void take(net::Fd& fd) {
    if (plays_ == Plays::hang_up) return fd.reset();
    if (plays_ == Plays::silence) return kept_.push_back(std::move(fd));
    if (plays_ == Plays::alert) {
      (void)net::write_some(fd.get(), Bytes{21, 3, 3, 0, 2, 2, alert_});
      return kept_.push_back(std::move(fd));
    }
    auto engine = tls::TlsEngine::server(context_);
    REQUIRE(engine.has_value());
    auto stream = std::make_unique<net::TlsByteStream>(net::PolledFd(worker_.poller, std::move(fd), nobody_),
                                                       std::move(*engine), worker_.farewells);
    stream->set_owner(*this);
    stream->start({});
    streams.push_back(std::move(stream));
  }

  net::test::Worker& worker_;
  tls::TlsServerContext& context_;
  const Plays plays_;
  const std::uint8_t alert_;
  net::Fd listener_;
  Nobody nobody_;
  std::vector<net::Fd> kept_;
};

struct CallRig {
  explicit CallRig(const std::string& answers_as = "agent/home/nas1")
      : server_context({.credentials = ca.credentials(answers_as),
                        .alpn = {},
                        .ticket_keys = tls::TicketKeys::in_memory(rng, test::system_now()),
                        .clock = [] { return test::system_now(); },
                        .profile = tls::Profile::service}),
        client_context({.credentials = ca.credentials("agent/home/laptop"),
                        .alpn = {},
                        .clock = [] { return test::system_now(); },
                        .profile = tls::Profile::service}),
        tools{.relay = {worker.poller, worker.pipes, worker.farewells},
              .names = names,
              .addresses = addresses,
              .room = places,
              .counters = counters},
        service{.name = read_called_name("web.home", {}).value(), .servers = {}, .context = client_context} {}

  PlayedServer& add(PlayedServer::Plays what, std::uint8_t alert = 0) {
    servers.push_back(std::make_unique<PlayedServer>(worker, server_context, what, alert));
    service.servers.push_back(servers.back()->address());
    return *servers.back();
  }
  bool until(const std::function<bool()>& condition) {
    return worker.until([&] {
      for (const auto& each : servers) each->serve();
      return condition();
    });
  }

  net::test::Worker worker;
  test::TestCa ca{"mesh.test", test::system_now()};
  SeededRng rng{1};
  tls::TlsServerContext server_context;
  tls::TlsClientContext client_context;
  net::Names names{worker.loop};
  core::AddressMemory addresses;
  RelayRoom places{16};
  Counters counters;
  CallTools tools;
  CalledService service;
  std::vector<std::unique_ptr<PlayedServer>> servers;
};

}  // namespace fairlead::agent
