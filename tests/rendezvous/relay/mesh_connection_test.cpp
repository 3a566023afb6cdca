#include "rendezvous/relay/mesh_connection.h"

#include "tests/rendezvous/relay/mesh_rig.h"

namespace fairlead::rendezvous::test {
namespace {

TEST_CASE("an accepted connection takes its channel, and what the service said behind the answer") {
  MeshRig rig;
  ToyCarrier& nas = rig.add("nas");
  rig.add_channel(nas, 4);
  rig.connect();
  rig.loop.settle();
  CHECK(rig.sent_on(4) == "toy 4:HELLO");
  CHECK(rig.endpoint("nas").load->live() == 1);
  rig.answer(4, "+SERVER");
  REQUIRE(rig.until_over());
  REQUIRE(rig.outcome() == "accepted nas");
  CHECK(std::string(rig.accepted->from_service.begin(), rig.accepted->from_service.end()) == "SERVER");
  CHECK(rig.accepted->sent_ahead == 5);
  CHECK(rig.accepted->who.service == "web.home");
  CHECK(rig.accepted->channel.valid());
  CHECK(rig.accepted->client.valid());
  CHECK(nas.places.used() == 1);
  rig.accepted.reset();
  CHECK(nas.places.used() == 0);
  CHECK(rig.endpoint("nas").load->live() == 0);
}

TEST_CASE("who is refused goes to the next endpoint, and away with the last reason when none is left") {
  MeshRig rig;
  rig.add_channel(rig.add("nas"), 1);
  rig.add_channel(rig.add("pi"), 2);
  rig.connect();
  rig.loop.settle();
  const bool nas_first = !rig.sent_on(1).empty();
  rig.answer(nas_first ? 1 : 2, "-target_refused;");
  REQUIRE(rig.loop.until([&] { return !rig.sent_on(nas_first ? 2 : 1).empty(); }));
  SUBCASE("accepted there") {
    rig.answer(nas_first ? 2 : 1, "+");
    REQUIRE(rig.until_over());
    CHECK(rig.outcome() == (nas_first ? "accepted pi" : "accepted nas"));
  }
  SUBCASE("refused there too") {
    rig.answer(nas_first ? 2 : 1, "-target_timeout;");
    REQUIRE(rig.until_over());
    CHECK(rig.outcome() == "target_timeout");
    CHECK(rig.endpoint("nas").load->live() == 0);
  }
  SUBCASE("a code that we do not know") {
    rig.answer(nas_first ? 2 : 1, "-made_up;");
    REQUIRE(rig.until_over());
    CHECK(rig.outcome() == "target_refused");
  }
}

TEST_CASE("a silent endpoint is probed, and another one is tried") {
  MeshRig rig;
  rig.times.answer_timeout = 30ms;
  ToyCarrier& nas = rig.add("nas");
  rig.add_channel(nas, 1);
  rig.connect();
  ToyCarrier& pi = rig.add("pi");  // comes later: the route is looked up once
  rig.add_channel(nas, 2);
  REQUIRE(rig.loop.until([&] { return !rig.sent_on(2).empty(); }));
  CHECK(nas.probes == 1);
  CHECK(pi.ready.empty());
  rig.answer(2, "+");
  REQUIRE(rig.until_over());
  CHECK(rig.outcome() == "accepted nas");
}

TEST_CASE("a dead channel is no answer: the next one of the same endpoint is asked at once") {
  MeshRig rig;
  ToyCarrier& nas = rig.add("nas");
  rig.add_channel(nas, 1);
  rig.add_channel(nas, 2);
  rig.cut(1);
  rig.connect();
  REQUIRE(rig.loop.until([&] { return !rig.sent_on(2).empty(); }));
  CHECK(nas.probes == 1);
  rig.answer(2, "+");
  REQUIRE(rig.until_over());
  CHECK(rig.outcome() == "accepted nas");
}

TEST_CASE("a channel that died between claim and take costs nothing") {
  MeshRig rig;
  ToyCarrier& nas = rig.add("nas");
  nas.ready.push_back({0, 99});
  MeshConnection& connection = rig.connect();
  CHECK(connection.waits_for(nas));
  CHECK(nas.waiting.size() == 1);
  CHECK(nas.waiting.front() == WorkerItem{0, 77});
  nas.waiting.clear();
  rig.add_channel(nas, 3);
  connection.on_channel_ready({0, 3});
  rig.loop.settle();
  CHECK(rig.sent_on(3) == "toy 3:HELLO");
}

TEST_CASE("whose session ends while it waits goes elsewhere, or waits for it to come back") {
  MeshRig rig;
  rig.add("nas");
  MeshConnection& connection = rig.connect();
  REQUIRE(connection.waiting());
  SUBCASE("another endpoint is there since the last look") {
    rig.withdraw_all(route::Departure::lost);
    rig.add_channel(rig.add("pi"), 6);
    connection.on_session_ended();
    REQUIRE(rig.loop.until([&] { return !rig.sent_on(6).empty(); }));
  }
  SUBCASE("nothing comes within the patience") {
    rig.times.channel_wait = 80ms;
    rig.leave();
    MeshConnection& second = rig.connect();
    rig.withdraw_all(route::Departure::lost);
    second.on_session_ended();
    REQUIRE(rig.until_over());
    CHECK(rig.outcome() == "no_endpoint");
  }
}

TEST_CASE("early data may not reach a second endpoint after silence, but the same one again") {
  MeshRig rig;
  rig.repeat = AttemptPlan::Repeat::same_endpoint;
  rig.times.answer_timeout = 30ms;
  ToyCarrier& nas = rig.add("nas");
  ToyCarrier& pi = rig.add("pi");
  rig.add_channel(nas, 1);
  rig.add_channel(nas, 2);
  rig.add_channel(pi, 3);
  rig.add_channel(pi, 4);
  rig.connect();
  REQUIRE(rig.loop.until([&] { return nas.ready.empty() || pi.ready.empty(); }));
  CHECK(nas.ready.size() + pi.ready.size() == 2);  // both channels of one of them
  SUBCASE("what cannot be believed ends it") {
    const std::uint64_t last = nas.ready.empty() ? 2 : 4;
    REQUIRE(rig.loop.until([&] { return !rig.sent_on(last).empty(); }));
    rig.answer(last, "?");
    REQUIRE(rig.until_over());
    CHECK(rig.outcome() == "answer_malformed");
  }
}

TEST_CASE("a channel of another worker takes the client there, with its attempt") {
  MeshRig rig;
  ToyCarrier& nas = rig.add("nas");
  nas.ready.push_back({1, 5});
  rig.connect();
  REQUIRE(rig.outcome() == "moved");
  CHECK(rig.moved->channel == WorkerItem{1, 5});
  CHECK(rig.moved->client.fd.valid());
  CHECK(nas.places.used() == 1);

  MeshRig there(1);  // it has no route of its own: the plan brings it along
  ToyCarrier elsewhere;
  there.add_channel(elsewhere, 5);
  MeshRig::Moved moved = std::move(*rig.moved);
  SUBCASE("accepted there") {
    there.adopt(std::move(moved));
    there.loop.settle();
    CHECK(there.sent_on(5) == "toy 5:HELLO");
    there.answer(5, "+");
    REQUIRE(there.until_over());
    CHECK(there.outcome() == "accepted nas");
  }
  SUBCASE("the channel died on the way: it waits for the next of the same carrier") {
    moved.channel.number = 6;
    there.adopt(std::move(moved));
    CHECK(nas.waiting.size() == 1);
    CHECK(nas.waiting.front() == WorkerItem{1, 78});
  }
  SUBCASE("refused there") {
    there.adopt(std::move(moved));
    there.answer(5, "-target_refused;");
    REQUIRE(there.until_over());
    CHECK(there.outcome() == "target_refused");
  }
}

TEST_CASE("a client that has only ended its stream is served") {
  MeshRig rig;
  ToyCarrier& nas = rig.add("nas");
  rig.connect();
  rig.end_stream();
  rig.settle();
  CHECK(rig.outcome().empty());
  CHECK(nas.waiting.size() == 1);
}

TEST_CASE("a client that leaves is let go wherever it waits") {
  MeshRig rig;
  ToyCarrier& nas = rig.add("nas");
  SUBCASE("for a channel") {
    rig.connect();
    CHECK(nas.waiting.size() == 1);
  }
  SUBCASE("for an answer") {
    rig.add_channel(nas, 1);
    rig.connect();
  }
  rig.leave();
  REQUIRE(rig.until_over());
  CHECK(rig.outcome() == "client_closed");
  CHECK(nas.waiting.empty());
  CHECK(nas.places.used() == 0);
}

TEST_CASE("who waits for a channel gives up in time and has it checked") {
  MeshRig rig;
  rig.times.channel_wait = 40ms;
  ToyCarrier& nas = rig.add("nas");
  rig.connect();
  REQUIRE(rig.until_over());
  CHECK(rig.outcome() == "channel_wait_timeout");
  CHECK(nas.probes == 1);
  CHECK(nas.waiting.empty());
  CHECK(rig.endpoint("nas").load->failures() == 1);
}

TEST_CASE("what cannot be routed is turned away with its reason") {
  MeshRig rig;
  SUBCASE("nobody has that name") {
    rig.connect();
    CHECK(rig.outcome() == "unknown_name");
  }
  SUBCASE("policy does not let this client in") {
    rig.add("nas");
    MeshClient stranger = rig.client("web.home");
    stranger.caller.peer = *SocketAddress::parse("198.51.100.1:1");
    MeshConnection connection(rig, std::move(stranger));
    connection.start();
    CHECK(rig.outcome() == "source_denied");
  }
  SUBCASE("the service has no place left") {
    rig.add("nas");
    rig.service_places.set_max(0, 0);
    rig.connect();
    CHECK(rig.outcome() == "relays_per_service");
  }
  SUBCASE("the agent has no place left") {
    rig.add("nas", 0);
    rig.connect();
    CHECK(rig.outcome() == "relays_per_agent");
  }
  SUBCASE("this program stops") {
    rig.add("nas");
    rig.connect().close(Reason::shutting_down);
    CHECK(rig.outcome() == "shutting_down");
  }
}

TEST_CASE("a name that agents may still bring is waited for") {
  MeshRig rig;
  rig.times.agents_back = rig.loop.loop.now() + 30s;
  rig.connect();
  CHECK(rig.outcome().empty());
  rig.add_channel(rig.add("nas"), 1);
  REQUIRE(rig.loop.until([&] { return !rig.sent_on(1).empty(); }));
  rig.answer(1, "+");
  REQUIRE(rig.until_over());
  CHECK(rig.outcome() == "accepted nas");
}

}  // namespace
}  // namespace fairlead::rendezvous::test
