#include "agent/http/forwarder.h"
#include "tests/agent/http/forwarder_rig.h"

namespace fairlead::agent {
namespace {

using test::End;
using test::Fate;
using test::ForwarderRig;

const std::string kGet = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const std::string kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

void check_fates(const ForwarderRig& rig, Fate caller, Fate target) {
  CHECK(rig.forwarder.caller_fate() == caller);
  CHECK(rig.forwarder.target_fate() == target);
}

TEST_CASE("who ends the connection, and when") {
  for (const char* line : {"Connection: close\r\n", "Connection: x, CLOSE\r\n"}) {
    ForwarderRig rig;
    CHECK(rig.ask("GET / HTTP/1.1\r\nHost: a\r\n" + std::string(line) + "\r\n") == 0);
    CHECK(rig.target_hears().ends_with("connection: close\r\n\r\n"));
    CHECK(rig.open());
    rig.answer(kOk);
    CHECK(rig.caller_hears() == "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok");
    check_fates(rig, Fate::ends, Fate::ends);
  }
  ForwarderRig by_target;
  by_target.ask(kGet);
  by_target.answer("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok");
  CHECK(by_target.caller_hears().find("connection: close") != std::string::npos);
  check_fates(by_target, Fate::ends, Fate::ends);
}

TEST_CASE("programs of HTTP/1.0") {
  ForwarderRig caller;
  CHECK(caller.ask("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n") == 0);
  CHECK(caller.target_hears() == "GET / HTTP/1.0\r\nx-forwarded-client-cert: By=us\r\nconnection: close\r\n\r\n");
  caller.answer("HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  CHECK(caller.caller_hears() == "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok");
  check_fates(caller, Fate::ends, Fate::ends);

  ForwarderRig target;
  target.ask(kGet);
  target.answer("HTTP/1.0 200 OK\r\n\r\nany");
  CHECK(target.caller_hears() == "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nany");
  CHECK(target.open());
  target.forwarder.target_ended(End::orderly);
  check_fates(target, Fate::ends, Fate::ends);
}

TEST_CASE("an answer that stays incomplete is never an orderly end") {
  for (const char* begin : {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc",
                            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"}) {
    ForwarderRig rig;
    rig.ask(kGet);
    rig.answer(begin);
    rig.forwarder.target_ended(End::orderly);
    check_fates(rig, Fate::aborts, Fate::aborts);
  }
  ForwarderRig reset;
  reset.ask(kGet);
  reset.answer("HTTP/1.1 200 OK\r\n\r\nabc");
  reset.forwarder.target_ended(End::broken);
  check_fates(reset, Fate::aborts, Fate::aborts);
}

TEST_CASE("a target that ends before it answers") {
  for (const End how : {End::orderly, End::broken}) {
    ForwarderRig rig;
    rig.ask(kGet);
    rig.forwarder.target_ended(how);
    rig.check_refused(Reason::service_unanswered, "502");
    CHECK_FALSE(rig.forwarder.answered());
  }
  ForwarderRig after_100;
  after_100.ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc");
  after_100.answer("HTTP/1.1 100 Continue\r\n\r\n");
  after_100.caller_hears();
  after_100.forwarder.target_ended(End::broken);
  after_100.check_refused(Reason::service_unanswered, "502");
  ForwarderRig within;
  within.ask("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
  within.answer("HTTP/1.1 200 O");
  within.forwarder.target_ended(End::orderly);
  CHECK(within.refusal() == Reason::service_unanswered);
  CHECK(within.caller_hears().ends_with("connection: close\r\n\r\n"));  // no body behind HEAD
}

TEST_CASE("one that served before and ends: the caller asks once more by itself") {
  ForwarderRig idle;
  idle.ask(kGet);
  idle.answer(kOk);
  idle.caller_hears();
  idle.forwarder.target_ended(End::orderly);
  check_fates(idle, Fate::ends, Fate::ends);
  ForwarderRig crossed;
  crossed.ask(kGet);
  crossed.answer(kOk);
  crossed.ask(kGet);
  crossed.caller_hears();
  crossed.forwarder.target_ended(End::broken);
  CHECK(crossed.caller_hears().empty());
  check_fates(crossed, Fate::ends, Fate::aborts);
  CHECK(crossed.refusal() == std::nullopt);
}

TEST_CASE("an answer to nothing ends the connection") {
  ForwarderRig late;
  late.ask(kGet);
  late.answer(kOk + "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged");
  CHECK(late.caller_hears().ends_with("\r\n\r\nok"));
  check_fates(late, Fate::ends, Fate::ends);
  ForwarderRig first;
  first.answer("HTTP/1.1 408 Too slow\r\n\r\n");
  CHECK(first.caller_hears().empty());
  check_fates(first, Fate::ends, Fate::ends);
}

TEST_CASE("answers that cannot be trusted") {
  for (const char* text :
       {"SSH-2.0-OpenSSH\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "HTTP/1.1 200 OK\rContent-Length: 1\r\n\r\n",
        "HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
        "\x15\x03\x01\x00\x02\x02\x46"}) {
    CAPTURE(text);
    ForwarderRig rig;
    rig.ask(kGet);
    rig.answer(text);
    rig.check_refused(Reason::service_not_http, "502");
  }
  ForwarderRig other;
  other.ask("GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
  other.answer("HTTP/1.1 101 Switching\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n");
  other.check_refused(Reason::service_not_http, "502");
  ForwarderRig chunk;
  chunk.ask(kGet);
  chunk.answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n");
  CHECK(chunk.refusal() == Reason::service_not_http);
  check_fates(chunk, Fate::aborts, Fate::aborts);
}

TEST_CASE("a caller that ends its stream") {
  ForwarderRig idle;
  idle.forwarder.caller_ended();
  check_fates(idle, Fate::ends, Fate::ends);
  ForwarderRig within_head;
  within_head.ask("GET / HT");
  within_head.forwarder.caller_ended();
  CHECK(within_head.target_hears().empty());
  check_fates(within_head, Fate::ends, Fate::ends);
  ForwarderRig within_body;
  within_body.ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc");
  within_body.forwarder.caller_ended();
  check_fates(within_body, Fate::aborts, Fate::aborts);
  ForwarderRig asked;
  asked.ask(kGet);
  asked.forwarder.caller_ended();
  CHECK(asked.open());
  asked.answer(kOk);
  CHECK(asked.caller_hears().ends_with("ok"));
  check_fates(asked, Fate::ends, Fate::ends);
}

TEST_CASE("an answer that comes before the request is complete ends the connection") {
  ForwarderRig rig;
  rig.ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99\r\n\r\nabc");
  rig.answer("HTTP/1.1 413 Too large\r\nContent-Length: 2\r\n\r\nno");
  CHECK(rig.caller_hears().ends_with("no"));
  check_fates(rig, Fate::ends, Fate::aborts);
  rig.target_hears();
  CHECK(rig.ask(std::string(96, 'x') + kGet) == 0);
  CHECK(rig.target_hears().empty());
}

}  // namespace
}  // namespace fairlead::agent
