// How relays end: half-close, resets, time-outs, our own close.
#include "common/net/relay.h"
#include "tests/common/net/rig.h"

namespace fairlead::net {
namespace {

using namespace fairlead::net::test;
using core::Side;

constexpr std::uint64_t kMiB = 1024 * 1024;

// A relay whose service has said its hello, so that both directions are plain streams. Peers are pumped by hand.
struct Running {
  explicit Running(Worker& on, RelayRig::Setup setup = {})
      : worker(on),
        rig(on, std::move(setup)),
        client(std::move(rig.client), &upward, 0, &downward),
        service(std::move(rig.service), &downward, server_hello().size(), &upward) {
    REQUIRE(worker.until([&] {
      service.pump();
      client.pump();
      return client.received == service.to_send;
    }));
  }
  Peer& peer(Side side) { return side == Side::client ? client : service; }
  bool pump_until(const std::function<bool()>& condition) {
    return worker.until([&] {
      client.pump();
      service.pump();
      return condition();
    });
  }
  Reason reason() {
    CHECK(worker.until([&] { return rig.outcome.has_value(); }));
    return rig.outcome ? rig.outcome->reason : Reason::internal;
  }

  Worker& worker;
  Pattern upward{1};
  Pattern downward{2, server_hello()};
  RelayRig rig;
  Peer client;
  Peer service;
};

TEST_CASE("either side may finish first and still gets everything") {
  for (const Side first : {Side::client, Side::service}) {
    for (const Transport transport : {Transport::tcp, Transport::local}) {
      Worker worker;
      Running run(worker, {.client = transport});
      Peer& early = run.peer(first);
      Peer& late = run.peer(core::other(first));
      early.to_send = early.sent + 3 * kMiB;
      early.then_shut_down = true;
      CHECK(run.pump_until([&] { return late.ended; }));
      CHECK(late.received == early.sent);
      CHECK_FALSE(run.rig.outcome);
      late.to_send = late.sent + 3 * kMiB;
      late.then_shut_down = true;
      CHECK(run.pump_until([&] { return early.ended; }));
      CHECK(early.received == late.sent);
      CHECK(early.intact);
      CHECK(late.intact);
      CHECK(early.error == 0);
      CHECK(late.error == 0);
      CHECK(run.reason() == Reason::completed);
      CHECK(run.rig.outcome->client_bytes == run.service.received);
      CHECK(run.rig.outcome->service_bytes == run.client.received);
    }
  }
}

TEST_CASE("an end of stream waits for the bytes that are stuck in front of it") {
  Worker worker;
  Running run(worker, {.client_buffers = 16384, .service_buffers = 16384});
  run.client.to_send = 200'000;
  run.client.then_shut_down = true;
  // The service reads nothing until everything left the client.
  CHECK(worker.until([&] {
    run.client.pump();
    return run.client.sent == 200'000 || run.worker.pipes.out() == 1;
  }));
  CHECK_FALSE(run.service.ended);
  CHECK(run.pump_until([&] { return run.service.ended; }));
  CHECK(run.service.received == 200'000);
  CHECK(run.service.intact);
}

TEST_CASE("a reset is a reset on the other side, an end is an end") {
  for (const Side side : {Side::client, Side::service}) {
    Worker worker;
    Running run(worker);
    Peer& other = run.peer(core::other(side));
    reset_on_close(run.peer(side).fd.get());
    run.peer(side).fd.reset();
    CHECK(run.worker.until([&] { return read_outcome(other.fd.get()).has_value(); }));
    CHECK(run.reason() == (side == Side::client ? Reason::client_reset : Reason::service_reset));
  }
  for (const Side side : {Side::client, Side::service}) {
    Worker worker;
    Running run(worker);
    Peer& other = run.peer(core::other(side));
    run.peer(side).fd.reset();
    std::optional<int> outcome;
    CHECK(worker.until([&] { return (outcome = read_outcome(other.fd.get())).has_value(); }));
    CHECK(outcome == 0);
    other.fd.reset();
    CHECK(run.reason() == Reason::completed);
  }
}

TEST_CASE("a reset's errno reaches the other side") {
  for (const Side side : {Side::client, Side::service}) {
    Worker worker;
    Running run(worker);
    Peer& other = run.peer(core::other(side));
    reset_on_close(run.peer(side).fd.get());
    run.peer(side).fd.reset();
    CHECK(worker.until([&] {
      other.pump();
      return other.error != 0 || other.ended;
    }));
    CHECK(other.error == ECONNRESET);
  }
}

// The broken side's last bytes: `total` of them leave it and are acknowledged by our kernel, then it resets. The reader
// wakes up afterwards, and slowly.
void check_reset_behind_bytes(Side broken, std::uint64_t total, int buffers) {
  Worker worker;
  const bool up = broken == Side::client;
  Running run(worker, {.client_buffers = up ? 0 : buffers, .service_buffers = up ? buffers : 0});
  Peer& writer = run.peer(broken);
  Peer& reader = run.peer(core::other(broken));
  writer.to_send = writer.sent + total;
  CHECK(worker.until([&] {
    writer.pump(1);
    return writer.sent == writer.to_send && unacknowledged_bytes(writer.fd.get()) == 0;
  }));
  reset_on_close(writer.fd.get());
  writer.fd.reset();
  worker.settle();
  CHECK_FALSE(run.rig.outcome);
  CHECK(worker.until([&] {
    reader.pump(5'000);
    return reader.error != 0 || reader.ended;
  }));
  CHECK(reader.error == ECONNRESET);
  CHECK(reader.received == writer.sent);
  CHECK(reader.intact);
  CHECK(run.reason() == (up ? Reason::client_reset : Reason::service_reset));
}

TEST_CASE("all bytes in front of a reset arrive, then the reset") {
  for (const Side broken : {Side::client, Side::service}) {
    SUBCASE("from our kernel's send queue") {
      check_reset_behind_bytes(broken, 60'000, 8192);
    }
    SUBCASE("from the pipe and the receive queue") {
      check_reset_behind_bytes(broken, 120'000, 4096);
    }
  }
}

TEST_CASE("a reader that does not read holds a reset up for a second") {
  Worker worker;
  Running run(worker, {.service_buffers = 4096});
  run.client.to_send = 100'000;
  CHECK(worker.until([&] {
    run.client.pump();
    return worker.pipes.out() == 1;
  }));
  reset_on_close(run.client.fd.get());
  run.client.fd.reset();
  const TimePoint before = monotonic_now();
  CHECK(run.reason() == Reason::client_reset);
  const Duration took = monotonic_now() - before;
  CHECK(took > 500ms);
  CHECK(took < 5s);
  CHECK(worker.pipes.out() == 0);
}

TEST_CASE("a side that is gone is noticed while it is written to") {
  Worker worker;
  Running run(worker);
  run.client.fd.reset();  // an end of stream, and a reset as soon as something comes
  run.service.to_send += 4 * kMiB;
  CHECK(worker.until([&] {
    run.service.pump();
    return run.service.error != 0;
  }));
  CHECK(run.reason() == Reason::client_reset);
}

TEST_CASE("an idle relay ends, one that moves bytes does not") {
  Worker worker;
  Running idle(worker, {.limits = {.idle_timeout = 100ms}});
  Running busy(worker, {.limits = {.idle_timeout = 400ms}});
  CHECK(idle.reason() == Reason::idle_timeout);
  CHECK(idle.rig.outcome->lasted >= 100ms);
  const TimePoint until = monotonic_now() + 1s;
  CHECK(busy.pump_until([&] {
    busy.client.to_send = busy.service.received + 1;
    return busy.rig.outcome.has_value() || monotonic_now() > until;
  }));
  CHECK_FALSE(busy.rig.outcome);
  // Both sides see an orderly end.
  CHECK(read_outcome(idle.client.fd.get()) == 0);
  CHECK(read_outcome(idle.service.fd.get()) == 0);
}

TEST_CASE("a half-closed relay ends although bytes move") {
  Worker worker;
  Running run(worker, {.limits = {.half_close_timeout = 200ms}});
  run.service.then_shut_down = true;
  CHECK(run.pump_until([&] {
    run.client.to_send = run.service.received + 1;
    return run.rig.outcome.has_value();
  }));
  CHECK(run.reason() == Reason::half_close_timeout);
}

TEST_CASE("a side that is cut off is a reset on the other side, behind its bytes") {
  for (const Side cut : {Side::client, Side::service}) {
    Worker worker;
    Running run(worker, {.client = Transport::local, .service = Transport::tcp});
    Peer& other = run.peer(core::other(cut));
    Peer& source = run.peer(cut);
    source.to_send = source.sent + 10'000;
    source.then_shut_down = true;  // a socketpair's far half can only end
    source.pump();
    run.rig.relay->abort(cut, Reason::session_ended);
    CHECK(worker.until([&] {
      other.pump();
      return other.error != 0 || other.ended;
    }));
    CHECK(other.received == source.sent);
    if (cut == Side::client) CHECK(other.error == ECONNRESET);
    CHECK(run.reason() == Reason::session_ended);
  }
}

TEST_CASE("a client that says nothing beyond its hello is not waited for as long as others") {
  Worker worker;
  Running silent(worker, {.limits = {.first_flight_timeout = 500ms}, .to_service = {1, 2, 3}});
  CHECK_FALSE(silent.rig.relay->client_spoke());
  Running speaking(worker);
  speaking.client.to_send = 1;
  CHECK(speaking.pump_until([&] { return speaking.service.received == 1; }));
  CHECK(speaking.rig.relay->client_spoke());
  CHECK(speaking.rig.spoke == 1);
  CHECK(silent.reason() == Reason::first_flight_timeout);
  CHECK(silent.rig.spoke == 0);
  CHECK_FALSE(speaking.rig.outcome);
}

TEST_CASE("close ends it once, at any time") {
  Worker worker;
  RelayRig fresh(worker, {.to_service = {1}});
  Relay& relay = *fresh.relay;
  relay.close(Reason::shutting_down);
  relay.close(Reason::internal);  // still there: it is retired, not deleted
  CHECK(fresh.outcome->reason == Reason::shutting_down);
  Running run(worker);
  run.rig.relay->close(Reason::session_ended);
  CHECK(run.rig.outcome->reason == Reason::session_ended);
  CHECK(run.rig.outcome->service_bytes == server_hello().size());
  CHECK(worker.until([&] { return read_outcome(run.client.fd.get()) == 0; }));
}

TEST_CASE("no descriptor is left behind, however a relay ends") {
  const std::size_t before = open_descriptors();
  {
    Worker worker;
    Running completed(worker);
    completed.client.fd.reset();
    completed.service.fd.reset();
    CHECK(completed.reason() == Reason::completed);
    Running reset(worker);
    reset_on_close(reset.client.fd.get());
    reset.client.fd.reset();
    CHECK(reset.reason() == Reason::client_reset);
    Running stuck(worker, {.client_buffers = 8192});
    stuck.service.to_send += kMiB;
    CHECK(worker.until([&] {
      stuck.service.pump();
      return worker.pipes.out() == 1;
    }));
    stuck.rig.relay->close(Reason::shutting_down);
    RelayRig plain(worker, {.to_client = {'x'}});
    CHECK(worker.until([&] { return plain.outcome.has_value(); }));
    const Running destroyed(worker);  // with its relay alive
  }
  CHECK(open_descriptors() == before);
}

}  // namespace
}  // namespace fairlead::net
