#include "agent/service/terminated_connection.h"

#include "common/wire/proxy_protocol.h"
#include "tests/agent/service/terminated_rig.h"

namespace fairlead::agent {
namespace {

using net::test::read_now;
using net::test::read_outcome;
using test::ReadKind;
using Rig = test::TerminatedRig;

TEST_CASE("the target hears plain bytes, and who called in front of them") {
  Rig rig;
  rig.service.proxy_protocol = ProxyProtocol::v2;
  rig.shake();
  CHECK(rig.caller->write(as_bytes("question")) == 8);
  Bytes heard;
  REQUIRE(rig.worker.until([&] {
    const Bytes more = read_now(rig.accepted.get());
    heard.insert(heard.end(), more.begin(), more.end());
    return as_text(heard).ends_with("question");
  }));
  const auto parsed = wire::parse_proxy_header(heard);
  const auto& head = std::get<wire::Done<wire::ProxyHeader>>(parsed);
  CHECK(head.value.source == SocketAddress::parse("192.0.2.7:4711"));
  CHECK(head.value.authority == "web.home");
  CHECK(as_text(heard).find("spiffe://mesh.test/agent/home/nas1") < head.consumed);
  CHECK(head.consumed + 8 == heard.size());
  rig.say(as_bytes("answer"));
  CHECK(rig.caller_reads_until(ReadKind::bytes) == "answer");
  rig.connection->keep_alive(60s);
  rig.caller->shut_down();
  net::shut_down_writing(rig.accepted.get());
  CHECK(rig.ended());
  CHECK(rig.end->outcome.reason == Reason::completed);
  CHECK(rig.end->caller == "spiffe://mesh.test/agent/home/nas1");
  CHECK(rig.end->outcome.service_bytes == 6);
  CHECK(rig.health_now()->served == 1);
}

TEST_CASE("each side may end first, and the other goes on") {
  for (const bool caller_first : {true, false}) {
    CAPTURE(caller_first);
    Rig rig;
    rig.shake();
    if (caller_first) {
      rig.caller->shut_down();
      CHECK(rig.worker.until([&] { return read_outcome(rig.accepted.get()) == 0; }));
      rig.say(as_bytes("still"));
      CHECK(rig.caller_reads_until(ReadKind::bytes) == "still");
      net::shut_down_writing(rig.accepted.get());
      rig.caller_reads_until(ReadKind::end);
    } else {
      rig.say(as_bytes("banner"));
      net::shut_down_writing(rig.accepted.get());
      CHECK(rig.caller_reads_until(ReadKind::end) == "banner");
      CHECK(rig.caller->write(as_bytes("late")) == 4);
      CHECK(rig.read(rig.accepted, 4) == Bytes{'l', 'a', 't', 'e'});
      rig.caller->shut_down();
    }
    CHECK(rig.ended());
    CHECK(rig.end->outcome.reason == Reason::completed);
  }
}

TEST_CASE("who is not allowed hears an alert, and the target nothing") {
  Rig rig;
  rig.service.allow = {"spiffe://mesh.test/client/*"};
  rig.open();
  rig.accepted = rig.accept();
  rig.hear_answer();
  rig.check_kept_out(Reason::caller_denied);
  CHECK(rig.end->detail.find("allow = [\"spiffe://mesh.test/client/*\", \"spiffe://mesh.test/agent/home/nas1\"]") !=
        std::string::npos);
  REQUIRE(rig.worker.until([&] { return rig.caller->error().has_value(); }));
  CHECK(rig.caller->error()->detail.find("access_denied") != std::string::npos);
}

TEST_CASE("so does a caller of another CA") {
  Rig rig;
  fairlead::test::TestCa other;
  tls::IdentityFiles files = other.issue("agent/home/nas1");
  files.ca = rig.mesh.ca.bundle();
  rig.mesh.agent = tls::Credentials::load(files).value();
  rig.open();
  rig.accepted = rig.accept();
  rig.hear_answer();
  rig.check_kept_out(Reason::certificate_untrusted);
}

TEST_CASE("a caller who goes silent in the handshake, one who leaves, one whom we send away") {
  Rig silent;
  silent.open(50ms);
  silent.accepted = silent.accept();
  silent.check_kept_out(Reason::handshake_timeout);

  Rig gone;
  gone.open();
  gone.accepted = gone.accept();
  CHECK(gone.read(gone.far, 2).size() >= 2);
  gone.far.reset();
  gone.check_kept_out(Reason::client_closed);

  Rig closed;
  closed.open();
  closed.accepted = closed.accept();
  CHECK(closed.read(closed.far, 2).size() >= 2);
  closed.connection->close(Reason::shutting_down);
  closed.check_kept_out(Reason::shutting_down);
}

TEST_CASE("a stream that is cut off is never an orderly end, either way") {
  Rig by_caller;
  by_caller.shake();
  net::shut_down_writing(by_caller.caller->fd());  // without a close_notify
  CHECK(by_caller.ended());
  CHECK(by_caller.end->outcome.reason == Reason::client_reset);
  CHECK(by_caller.worker.until([&] { return read_outcome(by_caller.accepted.get()) == ECONNRESET; }));

  Rig by_target;
  by_target.shake();
  net::reset_on_close(by_target.accepted.get());
  by_target.accepted.reset();
  by_target.caller_reads_until(ReadKind::aborted);
  CHECK(by_target.ended());
  CHECK(by_target.end->outcome.reason == Reason::service_reset);
  CHECK(by_target.health_now()->failing == Reason::service_reset);
}

TEST_CASE("closed while it is relayed, and destroyed at any time") {
  Rig closed;
  closed.shake();
  CHECK(closed.worker.until([&] { return closed.connection->reached(); }));
  closed.connection->close(Reason::shutting_down);
  REQUIRE(closed.end);
  CHECK(closed.end->outcome.reason == Reason::shutting_down);
  Rig shaking;
  shaking.open();
  shaking.accepted = shaking.accept();
  CHECK(shaking.read(shaking.far, 2).size() >= 2);
  shaking.connection.reset();
  CHECK(shaking.ends_of(shaking.far));
  CHECK(shaking.ends_told == 0);
  Rig relaying;
  relaying.shake();
  relaying.connection.reset();
  relaying.caller_reads_until(ReadKind::aborted);
  CHECK(relaying.ends_told == 0);
}

TEST_CASE("a service that a reload took away") {
  Rig rig;
  rig.open();
  rig.terminations.replace({}, {rig.mesh.server, {}, "home", [] { return fairlead::test::kTestNow; }});
  CHECK(rig.ended());
  CHECK(rig.end->outcome.reason == Reason::unknown_service);
  CHECK(rig.end->client.valid());
}

}  // namespace
}  // namespace fairlead::agent
