// Relays between byte streams: the matrix of transports, ends and refusals.
#include "common/net/stream_relay.h"

#include "common/wire/tls_alert.h"
#include "tests/common/net/stream_rig.h"

namespace fairlead::net {
namespace {

using namespace fairlead::net::test;
using core::Side;
using End = StreamRead::Kind;

constexpr std::uint64_t kMiB = 1024 * 1024;

// Runs a check over every pair of transports.
template <class Check>
void for_each_pair(const Check& check) {
  for (const Kind client : {Kind::toy, Kind::tcp}) {
    for (const Kind service : {Kind::toy, Kind::tcp}) {
      CAPTURE(static_cast<int>(client));
      CAPTURE(static_cast<int>(service));
      check(StreamRig::Setup{.client = client, .service = service});
    }
  }
}

TEST_CASE("both ways at once, in pieces of random size, byte for byte and in bounded memory") {
  for_each_pair([](const StreamRig::Setup& setup) {
    Worker worker;
    StreamRig rig(worker, setup);
    for (StreamPeer* peer : {&rig.client, &rig.service}) {
      peer->send_all(2 * kMiB);
      peer->then_shut_down = true;
    }
    CHECK(rig.reason() == Reason::completed);
    CHECK(rig.until([&] { return rig.client.outcome && rig.service.outcome; }));
    for (const StreamPeer* peer : {&rig.client, &rig.service}) {
      CHECK(peer->outcome == End::end);
      CHECK(peer->received == 2 * kMiB);
      CHECK(peer->intact);
    }
    CHECK(rig.outcome->client_bytes == 2 * kMiB);
    CHECK(rig.outcome->service_bytes == 2 * kMiB);
    CHECK(rig.most_memory <= 2 * kScratchBytes + 2 * kToyRoom);
  });
}

TEST_CASE("either side may finish first and still gets everything") {
  for_each_pair([](const StreamRig::Setup& setup) {
    for (const Side first : {Side::client, Side::service}) {
      Worker worker;
      StreamRig rig(worker, setup);
      rig.greet();
      StreamPeer& early = rig.peer(first);
      StreamPeer& late = rig.peer(core::other(first));
      early.send_all(300'000);
      early.then_shut_down = true;
      CHECK(rig.until([&] { return late.outcome == End::end; }));
      CHECK(late.received == early.sent);
      CHECK_FALSE(rig.outcome);
      late.send_all(300'000);
      late.then_shut_down = true;
      CHECK(rig.until([&] { return early.outcome == End::end; }));
      CHECK(early.received == late.sent);
      CHECK(rig.reason() == Reason::completed);
    }
  });
}

TEST_CASE("an abort reaches the other side as one, behind the bytes in front of it") {
  for_each_pair([](const StreamRig::Setup& setup) {
    for (const Side broken : {Side::client, Side::service}) {
      Worker worker;
      StreamRig rig(worker, setup);
      rig.greet();
      StreamPeer& leaving = rig.peer(broken);
      StreamPeer& other = rig.peer(core::other(broken));
      leaving.send_all(15'000);
      CHECK(rig.until([&] { return leaving.sent == leaving.to_send && leaving.stream->undelivered() == 0; }));
      leaving.stream->abort();
      CHECK(rig.until([&] { return other.outcome.has_value(); }));
      CHECK(other.outcome == End::aborted);
      CHECK(other.received == leaving.sent);
      CHECK(rig.reason() == (broken == Side::client ? Reason::client_reset : Reason::service_reset));
    }
  });
}

TEST_CASE("a transport that goes away in the middle is an abort, not an end") {
  for (const Side broken : {Side::client, Side::service}) {
    Worker worker;
    StreamRig rig(worker, {});
    rig.greet();
    rig.peer(broken).stream.reset();
    CHECK(rig.until([&] { return rig.peer(core::other(broken)).outcome.has_value(); }));
    CHECK(rig.peer(core::other(broken)).outcome == End::aborted);
  }
}

TEST_CASE("a side that does not read holds up its own direction, in bounded memory, and resumes") {
  for_each_pair([](const StreamRig::Setup& setup) {
    Worker worker;
    StreamRig rig(worker, setup);
    rig.greet();
    rig.service.reads = false;
    rig.client.send_all(40 * kMiB);
    rig.service.send_all(kMiB);
    CHECK(rig.until([&] { return rig.client.received == rig.service.to_send; }));
    CHECK(rig.client.sent < rig.client.to_send);
    CHECK(rig.most_memory <= 2 * kScratchBytes + 2 * kToyRoom);
    rig.client.to_send = rig.client.sent + 1000;
    rig.service.reads = true;
    CHECK(rig.until([&] { return rig.service.received == rig.client.to_send; }));
    CHECK(rig.service.intact);
  });
}

TEST_CASE("a side that does not read holds an abort up for a second at most") {
  Worker worker;
  StreamRig rig(worker, {});
  rig.greet();
  rig.service.reads = false;
  rig.client.send_all(kMiB);
  CHECK(rig.until([&] { return rig.client.sent >= 2 * kToyRoom; }));
  rig.client.stream->abort();
  CHECK(rig.reason() == Reason::client_reset);
  CHECK(rig.outcome->lasted >= core::kResetPatience);
}

TEST_CASE("an idle time-out aborts both sides") {
  for_each_pair([](StreamRig::Setup setup) {
    Worker worker;
    setup.limits.idle_timeout = 50ms;
    StreamRig rig(worker, setup);
    CHECK(rig.reason() == Reason::idle_timeout);
    CHECK(rig.until([&] { return rig.client.outcome == End::aborted && rig.service.outcome == End::aborted; }));
  });
}

TEST_CASE("so does a side that stays open too long after the other's end") {
  for_each_pair([](StreamRig::Setup setup) {
    Worker worker;
    setup.limits.half_close_timeout = 50ms;
    StreamRig rig(worker, setup);
    rig.greet();
    rig.service.then_shut_down = true;
    CHECK(rig.reason() == Reason::half_close_timeout);
    CHECK(rig.until([&] { return rig.service.outcome == End::aborted; }));
  });
}

TEST_CASE("so does our own close, once") {
  for_each_pair([](const StreamRig::Setup& setup) {
    Worker worker;
    StreamRig rig(worker, setup);
    StreamRelay& relay = *rig.relay;
    relay.close(Reason::shutting_down);
    relay.close(Reason::internal);
    CHECK(rig.outcome->reason == Reason::shutting_down);
    CHECK(rig.until([&] { return rig.client.outcome == End::aborted && rig.service.outcome == End::aborted; }));
  });
}

// What the client hears until its end.
Bytes hear_all(StreamRig& rig) {
  Bytes heard;
  rig.client.reads = false;
  CHECK(rig.until([&] {
    Bytes room(1000);
    const StreamRead got = rig.client.stream->read(room);
    heard.insert(heard.end(), room.begin(), room.begin() + static_cast<std::ptrdiff_t>(got.count));
    return got.kind == End::end || got.kind == End::aborted;
  }));
  return heard;
}

TEST_CASE("a service that speaks no TLS is refused: an alert behind our own words, an orderly end") {
  const Bytes alert = wire::tls_alert(wire::kInternalError);
  for_each_pair([&](StreamRig::Setup setup) {
    for (const bool early : {false, true}) {
      Worker worker;
      setup.to_client_prefix = {1, 2, 3};
      setup.to_client = early ? Bytes{'n', 'o'} : Bytes();
      StreamRig rig(worker, setup);
      if (!early) REQUIRE(rig.service.stream->write(as_bytes("no")) == 2);
      Bytes wanted{1, 2, 3};
      wanted.insert(wanted.end(), alert.begin(), alert.end());
      CHECK(hear_all(rig) == wanted);
      CHECK(rig.reason() == Reason::service_not_tls);
      CHECK(rig.outcome->service_bytes == 0);
      CHECK(rig.until([&] { return rig.service.outcome == End::aborted; }));
    }
  });
}

TEST_CASE("where nothing is asked of the service, plaintext goes on") {
  Worker worker;
  StreamRig rig(worker, {.limits = {.first = core::FlightRule::anything}});
  REQUIRE(rig.service.stream->write(as_bytes("220 plain")) == 9);
  rig.service.then_shut_down = true;
  CHECK(as_text(hear_all(rig)) == "220 plain");
}

TEST_CASE("what was read earlier goes ahead, and is not what a client says beyond its hello") {
  Worker worker;
  const Pattern upward(1);
  const ByteView hello = upward.at(0, 700);
  StreamRig rig(worker, {.to_service = Bytes(hello.begin(), hello.end())});
  CHECK(rig.until([&] { return rig.service.received == 700; }));
  CHECK_FALSE(rig.relay->client_spoke());
  rig.client.sent = 700;
  rig.client.send_all(50);
  CHECK(rig.until([&] { return rig.service.received == 750; }));
  CHECK(rig.service.intact);
  CHECK(rig.relay->client_spoke());
}

TEST_CASE("a small turn lets the loop serve others and loses nothing") {
  Worker worker;
  StreamRig rig(worker, {.limits = {.turn_budget = 100}});
  rig.greet();
  rig.client.send_all(200'000);
  CHECK(rig.until([&] { return rig.service.received == rig.client.to_send; }));
  CHECK(rig.service.intact);
}

}  // namespace
}  // namespace fairlead::net
