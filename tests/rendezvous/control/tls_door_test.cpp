#include "rendezvous/control/tls_door.h"

#include "common/wire/alpn.h"
#include "tests/rendezvous/control/control_rig.h"

namespace fairlead::rendezvous {
namespace {

struct DoorRig final : DoorOwner, HandshakeTaker {
  explicit DoorRig(Duration patience = 20s) : context(mesh.server_context()), patience_(patience) {}
  ~DoorRig() override {
    if (door) door->close();
    worker.settle();
  }
  void on_door_done(TlsDoor& done) override {
    CHECK(&done == door.get());
    worker.loop.retire(std::move(door));
    ++doors_done;
  }
  // A client that dials with that ALPN, and the door for its socket.
  void knock(const std::string& alpn) {
    mesh.client_alpn = {alpn};
    auto pair = net::test::unix_pair();
    auto client_context = mesh.client_context();
    auto engine = tls::TlsEngine::client(client_context, mesh.expected, {});
    REQUIRE(engine.has_value());
    client = std::make_unique<net::TlsStream>(worker.poller, std::move(pair.far), std::move(*engine), nobody);
    open_door(std::move(pair.near));
    client->start({});
  }
  void open_door(net::Fd fd, Bytes bytes = {}) {
    desk.set_takers({this});
    desk.take(ControlInbound{std::move(fd), std::move(bytes), kAgentPeer});
    REQUIRE((door || doors_done > 0));
  }
  // HandshakeTaker, on the only thread
  void begin(ControlInbound inbound, HandshakePlace place) override {
    auto engine = tls::TlsEngine::server(context);
    REQUIRE(engine.has_value());
    door = std::make_unique<TlsDoor>(tools, std::move(inbound), std::move(*engine), std::move(place),
                                     worker.loop.now() + patience_);
    door->start();
  }
  void give_up(HandshakePlace::Ticket ticket, Reason reason) override {
    if (door && door->ticket() == ticket) door->give_up(reason);
  }
  Room room(const char* alpn) {
    return {alpn, [this, alpn](Guest guest) {
              guest.stream->hand_to(nobody);
              entered.emplace_back(alpn, std::move(guest));
            }};
  }

  net::test::Worker worker;
  fairlead::test::Mesh mesh;
  tls::TlsServerContext context;
  const Duration patience_;
  net::test::NobodyListens nobody;
  Counters counters;
  AccessLines access_log{AccessLog::off};
  Gauge sessions{1000};
  HandshakeDesk desk{worker.loop, counters, sessions, nullptr, Limits{.flight_timeout = 200ms}};
  std::vector<Room> rooms = {room(wire::kSessionAlpn), room(wire::kVerifyAlpn)};
  DoorTools tools{worker.poller, rooms, counters, access_log, *this};
  std::unique_ptr<TlsDoor> door;
  std::unique_ptr<net::TlsStream> client;
  std::vector<std::pair<std::string, Guest>> entered;
  int doors_done = 0;
};

TEST_CASE("each ALPN leads to its room, with the stream behind its handshake") {
  for (const std::string alpn : {wire::kSessionAlpn, wire::kVerifyAlpn}) {
    CAPTURE(alpn);
    DoorRig rig;
    rig.knock(alpn);
    REQUIRE(rig.worker.until([&] { return rig.doors_done == 1; }));
    REQUIRE(rig.entered.size() == 1);
    CHECK(rig.entered.front().first == alpn);
    const Guest& guest = rig.entered.front().second;
    CHECK(guest.peer == kAgentPeer);
    CHECK(guest.stream->handshake_done());
    CHECK(guest.stream->engine().peer().spiffe_id == "spiffe://mesh.test/agent/home/nas1");
    // It counts until its room has counted it.
    CHECK(rig.desk.use().under_way == 1);
    rig.entered.clear();
    CHECK(rig.desk.use().under_way == 0);
  }
}

TEST_CASE("who is not trusted hears an alert, and is counted once") {
  DoorRig rig;
  fairlead::test::TestCa other;
  rig.mesh.agent = other.credentials("agent/home/nas1");
  rig.mesh.expected = {"", {"spiffe://*"}};
  rig.knock(wire::kSessionAlpn);
  REQUIRE(rig.worker.until([&] { return rig.doors_done == 1; }));
  CHECK(rig.entered.empty());
  rig.worker.settle();
  CHECK(rig.desk.use().under_way == 0);
}

TEST_CASE("no handshake in time") {
  DoorRig rig(20ms);
  auto pair = net::test::unix_pair();
  rig.open_door(std::move(pair.near));
  REQUIRE(rig.worker.until([&] { return rig.doors_done == 1; }));
  CHECK(rig.counters.refused.get(Reason::handshake_timeout) == 1);
  rig.worker.settle();
  CHECK(net::test::read_outcome(pair.far.get()) == 0);
}

TEST_CASE("a peer that leaves our flight unanswered has to go") {
  DoorRig rig;
  auto pair = net::test::unix_pair();
  rig.open_door(std::move(pair.near));
  CHECK(rig.desk.use().under_way == 1);
  REQUIRE(rig.worker.until([&] { return rig.doors_done == 1; }));
  CHECK(rig.counters.refused.get(Reason::flight_timeout) == 1);
  CHECK(rig.desk.use().under_way == 0);
}

TEST_CASE("bytes that somebody read before are the first of the handshake") {
  DoorRig rig;
  auto pair = net::test::unix_pair();
  rig.open_door(std::move(pair.near), {'G', 'E', 'T', ' ', '/', '\r', '\n'});
  REQUIRE(rig.worker.until([&] { return rig.doors_done == 1; }));
  CHECK(rig.counters.refused.get(Reason::handshake_failed) == 1);
}

}  // namespace
}  // namespace fairlead::rendezvous
