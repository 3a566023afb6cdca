// Servers that refuse, are silent, or are somebody else, in their order.
#include "agent/calling/service_dial.h"

#include "tests/agent/calling/call_rig.h"

namespace fairlead::agent {
namespace {

using Plays = PlayedServer::Plays;

struct Rig : CallRig {
  using CallRig::CallRig;
  Result<AnsweredCall> call() {
    std::optional<Result<AnsweredCall>> result;
    ServiceDial dial(tools, service, {}, [&](Result<AnsweredCall> answered) { result = std::move(answered); });
    dial.start();
    CHECK_FALSE(result.has_value());
    REQUIRE(until([&] { return result.has_value(); }));
    return std::move(*result);
  }
  Reason failure() {
    const auto answered = call();
    REQUIRE_FALSE(answered.has_value());
    return answered.error().reason;
  }
};

TEST_CASE("a service answers through a server, and knows who calls") {
  Rig rig;
  PlayedServer& server = rig.add(Plays::service);
  const auto answered = rig.call();
  REQUIRE(answered.has_value());
  CHECK(answered->stream->engine().peer().spiffe_id == "spiffe://mesh.test/agent/home/nas1");
  CHECK(answered->address.port == server.address().port);
  REQUIRE(rig.until([&] { return server.streams[0]->handshake_done(); }));
  CHECK(server.streams[0]->engine().peer().spiffe_id == "spiffe://mesh.test/agent/home/laptop");
}

TEST_CASE("the second call of a name goes on with the session of the first") {
  Rig rig;
  rig.add(Plays::service);
  CHECK_FALSE(rig.call()->stream->engine().resumed());
  CHECK(rig.call()->stream->engine().resumed());
  rig.service.name.expected = {"spiffe://{trust_domain}/service/web"};
  CHECK(rig.failure() == Reason::certificate_identity);
  CHECK(rig.service.saved_session.empty());
}

TEST_CASE("whoever else answers is not spoken to, and the complaint says who it was") {
  Rig rig("agent/office/thief");
  rig.add(Plays::service);
  const auto answered = rig.call();
  REQUIRE_FALSE(answered.has_value());
  CHECK(answered.error().reason == Reason::certificate_identity);
  CHECK(answered.error().detail.find("spiffe://mesh.test/agent/office/thief") != std::string::npos);
  CHECK_FALSE(rig.servers[0]->streams[0]->handshake_done());
}

TEST_CASE("the next server is asked when one fails, and each once") {
  Rig rig;
  rig.service.handshake_timeout = -kHeldByServer + 1s;  // a handshake on a busy machine takes less
  PlayedServer& silent = rig.add(Plays::silence);
  PlayedServer& gone = rig.add(Plays::hang_up);
  PlayedServer& empty = rig.add(Plays::alert, 80);
  PlayedServer& good = rig.add(Plays::service);
  SUBCASE("until the service answers") {
    const auto answered = rig.call();
    REQUIRE(answered.has_value());
    CHECK(answered->address.port == good.address().port);
    CHECK(good.calls == 1);
  }
  SUBCASE("and when none is left, the failure that says most is told") {
    rig.service.servers.pop_back();
    CHECK(rig.failure() == Reason::no_endpoint);
  }
  CHECK(silent.calls == 1);
  CHECK(gone.calls == 1);
  CHECK(empty.calls == 1);
}

TEST_CASE("a service that refuses this caller is not asked again by another way") {
  Rig rig;
  rig.add(Plays::alert, 49);
  PlayedServer& other = rig.add(Plays::service);
  CHECK(rig.failure() == Reason::policy_denied);
  CHECK(other.calls == 0);
}

TEST_CASE("why nobody answers") {
  Rig rig;
  SUBCASE("no such name") {
    rig.add(Plays::alert, 112);
    CHECK(rig.failure() == Reason::unknown_name);
  }
  SUBCASE("no server there") {
    rig.service.servers = {{"127.0.0.1", 1}};
    CHECK(rig.failure() == Reason::connect_refused);
  }
  SUBCASE("a server that ends the connection") {
    rig.add(Plays::hang_up);
    CHECK(rig.failure() == Reason::connection_lost);
  }
}

TEST_CASE("a call that is dropped leaves nothing behind") {
  Rig rig;
  rig.add(Plays::silence);
  {
    ServiceDial dial(rig.tools, rig.service, {}, [](const Result<AnsweredCall>&) { FAIL("told"); });
    dial.start();
    REQUIRE(rig.until([&] { return rig.servers[0]->calls == 1; }));
  }
  rig.worker.settle();
}

}  // namespace
}  // namespace fairlead::agent
