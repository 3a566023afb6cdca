#pragma once
// The opening in front of a connection whose TLS ends here, a caller who speaks TLS behind it, and a target.
#include <memory>
#include <string>

#include "agent/service/service_connection.h"
#include "tests/agent/service/service_rig.h"
#include "tests/common/tls/engine_pair.h"

namespace fairlead::agent::test {

using net::test::read_now;
using net::test::read_outcome;
using net::test::tcp_pair;
using ReadKind = net::StreamRead::Kind;

inline const Bytes kAnswer{'o', 'k'};  // of the opening, in front of TLS

struct TerminatedRig : ServiceRig, ServiceConnectionOwner, net::ByteStreamOwner, net::PollTarget {
  TerminatedRig() {
    mesh.client_alpn.clear();
    mesh.profile = tls::Profile::service;
    service.name = "web";
    service.target = target();
    service.tls = Tls::terminate;
  }

  // The caller's hello was read already, as it always is.
  void open(Duration handshake_within = 10s) {
    terminations.replace({service}, {mesh.server, {}, "home", [this] { return mesh.now; }});
    auto context = mesh.client_context();
    auto made = tls::TlsEngine::client(context, mesh.expected, {});
    REQUIRE(made.has_value());
    engine = std::move(*made);
    const Bytes hello(engine->output().begin(), engine->output().end());
    engine->sent(hello.size());
    auto pair = tcp_pair();
    far = std::move(pair.far);
    connection = std::make_unique<ServiceConnection>(
        tools(), *this,
        ServiceCall{.client = net::PolledFd(worker.poller, std::move(pair.near), *this),
                    .bytes = hello,
                    .caller = {*SocketAddress::parse("192.0.2.7:4711"), "web.home", {}}},
        service,
        ServiceTerms{.reach_within = 10s,
                     .handshake_within = handshake_within,
                     .relay = {.first_flight_timeout = 1ms},
                     .share = {}});
    connection->start();
  }
  void hear_answer() {
    Bytes heard = read(far, kAnswer.size());
    CHECK(Bytes(heard.begin(), heard.begin() + 2) == kAnswer);
    heard.erase(heard.begin(), heard.begin() + 2);
    caller = std::make_unique<net::TlsByteStream>(net::PolledFd(worker.poller, std::move(far), *this),
                                                  std::move(engine), worker.farewells);
    caller->set_owner(*this);
    caller->start(heard);
  }
  void shake() {
    open();
    accepted = accept();
    hear_answer();
    REQUIRE(worker.until([this] { return caller->handshake_done(); }));
  }
  // Everything that the caller reads until `kind` comes.
  std::string caller_reads_until(ReadKind kind) {
    std::string heard;
    CHECK(worker.until([&] {
      Bytes room(4096);
      const net::StreamRead got = caller->read(room);
      if (got.kind == ReadKind::bytes) heard += as_text(ByteView(room).first(got.count));
      return got.kind == kind && (kind != ReadKind::bytes || !heard.empty());
    }));
    return heard;
  }
  bool ended() {
    return worker.until([this] { return end.has_value(); });
  }
  void say(ByteView bytes) { REQUIRE(net::write_some(accepted.get(), bytes).value() == bytes.size()); }
  std::optional<TargetState> health_now() { return health.find("web", worker.loop.now()); }
  // The end of a caller who was not let in.
  void check_kept_out(Reason reason) {
    CHECK(ended());
    CHECK(end->outcome.reason == reason);
    CHECK(end->outcome.client_bytes + end->outcome.service_bytes == 0);
    CHECK_FALSE(end->client.valid());
    CHECK(worker.until([this] { return read_outcome(accepted.get()) == 0; }));  // an end, and no byte in front of it
    const auto target_state = health_now();
    CHECK((!target_state || (!target_state->failing && target_state->served == 0)));
    worker.settle();
    CHECK(ends_told == 1);
  }

  Bytes on_service_reached() override { return kAnswer; }
  void on_service_ended(ServiceEnd how) override {
    ++ends_told;
    end = std::move(how);
    worker.loop.retire(std::move(connection));
  }
  void on_ready(net::Readiness) override {}
  void on_stream_progress(net::ByteStream& /*stream*/) override {}

  fairlead::test::Mesh mesh;
  ServiceConfig service;
  std::unique_ptr<tls::TlsEngine> engine;
  net::Fd far;
  net::Fd accepted;  // the target's end
  std::unique_ptr<net::TlsByteStream> caller;
  std::unique_ptr<ServiceConnection> connection;
  int ends_told = 0;
  std::optional<ServiceEnd> end;
};

}  // namespace fairlead::agent::test
