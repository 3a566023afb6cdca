#include "agent/http/forwarder.h"

#include "tests/agent/http/forwarder_rig.h"

namespace fairlead::agent {
namespace {

using test::ForwarderRig;

// One conversation for every size of pieces: the same words on both sides.
template <class Talk>
void in_all_pieces(Talk talk) {
  for (const std::size_t piece : {1, 2, 3, 7, 64, 1 << 20}) {
    CAPTURE(piece);
    ForwarderRig rig;
    rig.piece = piece;
    talk(rig);
  }
}

TEST_CASE("a question and its answer, and then the next") {
  in_all_pieces([](ForwarderRig& rig) {
    for (int round = 0; round < 3; ++round) {
      CHECK(rig.ask("GET /a HTTP/1.1\r\nHost: web.home\r\nX-Forwarded-Client-Cert: By=me\r\n\r\n") == 0);
      CHECK(
          rig.target_hears() ==
          "GET /a HTTP/1.1\r\nHost: web.home\r\nx-forwarded-client-cert: By=us\r\nx-forwarded-host: web.home\r\n\r\n");
      rig.answer("HTTP/1.1 200 OK\r\nServer: s\r\nContent-Length: 5\r\nKeep-Alive: timeout=5\r\n\r\nhello");
      CHECK(rig.caller_hears() == "HTTP/1.1 200 OK\r\nServer: s\r\ncontent-length: 5\r\n\r\nhello");
      CHECK(rig.open());
    }
    CHECK(rig.refusal() == std::nullopt);
    CHECK(rig.forwarder.answered());
    CHECK(rig.forwarder.memory() == 0);
  });
}

TEST_CASE("a pipelined request waits in its connection") {
  in_all_pieces([](ForwarderRig& rig) {
    const std::string second = "GET /2 HTTP/1.1\r\nHost: a\r\n\r\n";
    CHECK(rig.ask("GET /1 HTTP/1.1\r\nHost: a\r\n\r\n" + second) == second.size());
    CHECK_FALSE(rig.forwarder.listens());
    CHECK(rig.target_hears().starts_with("GET /1 "));
    rig.answer("HTTP/1.1 204 No\r\n\r\n");
    CHECK(rig.forwarder.listens());
    CHECK(rig.ask(second) == 0);
    CHECK(rig.target_hears().starts_with("GET /2 "));
  });
}

TEST_CASE("bodies of both kinds, both ways at once") {
  in_all_pieces([](ForwarderRig& rig) {
    CHECK(rig.ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc") == 0);
    CHECK(rig.target_hears().ends_with("content-length: 6\r\n\r\nabc"));
    rig.answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    CHECK(rig.caller_hears() == "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
    CHECK(rig.ask("def") == 0);
    CHECK(rig.target_hears() == "def");
    rig.answer("0\r\nX-Forwarded-For: a\r\nDigest: b\r\n\r\n");
    CHECK(rig.caller_hears() == "0\r\nDigest: b\r\n\r\n");
    CHECK(rig.open());
    CHECK(rig.ask("PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n1;x\r\na\r\n0\r\nRemote-User: "
                  "me\r\nHost: b\r\nZ: z\r\n\r\n") == 0);
    CHECK(rig.target_hears().ends_with("transfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\nZ: z\r\n\r\n"));
  });
}

TEST_CASE("a caller who waits for 100 before it sends its body") {
  in_all_pieces([](ForwarderRig& rig) {
    const std::string head = "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n";
    CHECK(rig.ask(head) == 0);
    CHECK(rig.target_hears().find("Expect: 100-continue\r\n") != std::string::npos);
    rig.answer("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n");
    CHECK(rig.caller_hears() == "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n");
    CHECK(rig.ask("abc") == 0);
    CHECK(rig.target_hears() == "abc");
    rig.answer("HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n");
    CHECK(rig.caller_hears() == "HTTP/1.1 201 Created\r\ncontent-length: 0\r\n\r\n");
    CHECK(rig.open());
  });
}

TEST_CASE("a final answer instead of 100: nobody knows whether the body follows, so the connection ends") {
  in_all_pieces([](ForwarderRig& rig) {
    CHECK(rig.ask("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n") == 0);
    rig.answer("HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n");
    CHECK(rig.caller_hears() == "HTTP/1.1 401 No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    CHECK(rig.forwarder.caller_fate() == test::Fate::ends);
    CHECK(rig.forwarder.target_fate() == test::Fate::aborts);
    rig.target_hears();
    CHECK(rig.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n") == 0);
    CHECK(rig.target_hears().empty());
  });
}

TEST_CASE("answers that have no body, whatever they say") {
  in_all_pieces([](ForwarderRig& rig) {
    CHECK(rig.ask("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n") == 0);
    rig.answer("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n");
    CHECK(rig.caller_hears() == "HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n");
    CHECK(rig.ask("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n") == 0);
    rig.answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    CHECK(rig.caller_hears() == "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
    CHECK(rig.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n") == 0);
    rig.answer("HTTP/1.1 304 Same\r\nContent-Length: 99\r\n\r\n");
    CHECK(rig.caller_hears() == "HTTP/1.1 304 Same\r\ncontent-length: 99\r\n\r\n");
    CHECK(rig.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n") == 0);
    rig.answer("HTTP/1.1 204 None\r\nContent-Length: 9\r\n\r\n");
    CHECK(rig.caller_hears() == "HTTP/1.1 204 None\r\n\r\n");
    CHECK(rig.open());
  });
}

TEST_CASE("a switch to another protocol that was asked for") {
  in_all_pieces([](ForwarderRig& rig) {
    CHECK(rig.ask("GET /ws HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"
                  "Sec-WebSocket-Key: k\r\n\r\n") == 0);
    const std::string head = rig.target_hears();
    CHECK(head.find("Sec-WebSocket-Key: k\r\n") != std::string::npos);
    CHECK(head.ends_with("upgrade: websocket\r\nconnection: upgrade\r\n\r\n"));
    CHECK(rig.ask("early") == 5);
    rig.answer(
        "HTTP/1.1 101 Switching\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
        "x\r\n\r\n\x81\x02hi");
    CHECK(rig.caller_hears() ==
          "HTTP/1.1 101 Switching\r\nSec-WebSocket-Accept: x\r\nupgrade: WebSocket\r\nconnection: "
          "upgrade\r\n\r\n\x81\x02hi");
    CHECK(rig.ask("early\r\nGET x: y\n\n") == 0);
    CHECK(rig.target_hears() == "early\r\nGET x: y\n\n");
    rig.forwarder.target_ended(test::End::orderly);
    CHECK(rig.forwarder.caller_fate() == test::Fate::ends);
    CHECK(rig.forwarder.target_fate() == test::Fate::open);
    CHECK(rig.ask("late") == 0);
    CHECK(rig.target_hears() == "late");
    rig.forwarder.caller_ended();
    CHECK(rig.forwarder.target_fate() == test::Fate::ends);
  });
}

TEST_CASE("a switch that the target declines is an answer like any other") {
  ForwarderRig rig;
  CHECK(rig.ask("GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n") == 0);
  rig.answer("HTTP/1.1 426 No\r\nUpgrade: other\r\nConnection: upgrade\r\nContent-Length: 2\r\n\r\nno");
  CHECK(rig.caller_hears() ==
        "HTTP/1.1 426 No\r\ncontent-length: 2\r\nupgrade: other\r\nconnection: upgrade\r\n\r\nno");
  CHECK(rig.open());
}

}  // namespace
}  // namespace fairlead::agent
