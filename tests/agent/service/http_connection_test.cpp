// A service of protocol "http": what its target hears of a caller whose TLS ended here, and what the end says.
#include "common/http/fields.h"
#include "tests/agent/service/terminated_rig.h"

namespace fairlead::agent {
namespace {

using net::test::read_now;
using test::ReadKind;

struct Rig : test::TerminatedRig {
  Rig() { service.protocol = Protocol::http; }

  void ask(std::string_view text) { REQUIRE(caller->write(as_bytes(text)) == text.size()); }
  // What the target hears, up to this.
  std::string target_hears(std::string_view last) {
    std::string heard;
    CHECK(worker.until([&] {
      heard += as_text(read_now(accepted.get()));
      return heard.ends_with(last);
    }));
    return heard;
  }
  std::string caller_hears(std::string_view last) {
    std::string heard;
    CHECK(worker.until([&] {
      Bytes room(4096);
      const net::StreamRead got = caller->read(room);
      if (got.kind == ReadKind::bytes) heard += as_text(ByteView(room).first(got.count));
      return heard.ends_with(last);
    }));
    return heard;
  }
};

const std::string kGet = "GET / HTTP/1.1\r\nHost: web.home\r\nX-Forwarded-For: forged\r\n\r\n";

TEST_CASE("each request says who called, and the connection goes on") {
  Rig rig;
  rig.shake();
  for (int round = 0; round < 3; ++round) {
    rig.ask(kGet);
    const std::string heard = rig.target_hears("\r\n\r\n");
    const std::string xfcc =
        "x-forwarded-client-cert: By=" + rig.mesh.server->spiffe_id() + ";Hash=" + to_hex(rig.mesh.agent->leaf_hash()) +
        ";URI=spiffe://mesh.test/agent/home/nas1\r\nx-forwarded-for: 192.0.2.7\r\nx-forwarded-proto: https\r\n";
    CHECK(heard == "GET / HTTP/1.1\r\nHost: web.home\r\n" + xfcc + "x-forwarded-host: web.home\r\n\r\n");
    rig.say(as_bytes("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"));
    CHECK(rig.caller_hears("hi") == "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi");
  }
  rig.caller->shut_down();
  CHECK(rig.worker.until([&] { return net::test::read_outcome(rig.accepted.get()) == 0; }));
  net::shut_down_writing(rig.accepted.get());
  CHECK(rig.ended());
  CHECK(rig.end->outcome.reason == Reason::completed);
  CHECK(rig.end->caller == "spiffe://mesh.test/agent/home/nas1");
  CHECK(rig.health_now()->served == 1);
}

TEST_CASE("what callers speak is chosen where they offer it") {
  Rig both;
  both.mesh.client_alpn = {"h2", "istio-http/1.1", "http/1.1"};
  both.shake();
  CHECK(both.caller->engine().alpn() == "http/1.1");
  Rig other;
  other.mesh.client_alpn = {"h2"};
  other.open();
  other.accepted = other.accept();
  other.hear_answer();
  other.check_kept_out(Reason::handshake_failed);
}

TEST_CASE("pipelined requests are answered one after the other") {
  Rig rig;
  rig.shake();
  rig.ask(kGet + kGet + kGet);
  for (int round = 0; round < 3; ++round) {
    const std::string heard = rig.target_hears("\r\n\r\n");
    CHECK(heard.find("GET", 1) == std::string::npos);
    rig.say(as_bytes("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"));
    rig.caller_hears("hi");
  }
}

TEST_CASE("a request with two readings: the caller hears why, the target nothing, the end says so") {
  Rig rig;
  rig.service.proxy_protocol = ProxyProtocol::v1;
  rig.shake();
  rig.ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n" + kGet);
  const std::string heard = rig.caller_reads_until(ReadKind::end);
  CHECK(heard.starts_with("HTTP/1.1 400 "));
  CHECK(heard.find("details=\"http_ambiguous\"") != std::string::npos);
  const std::string target = rig.target_hears("\r\n");
  CHECK(target.starts_with("PROXY TCP4 192.0.2.7 "));
  CHECK(target.find("HTTP") == std::string::npos);
  rig.caller->shut_down();
  CHECK(rig.ended());
  CHECK(rig.end->outcome.reason == Reason::http_ambiguous);
  CHECK(rig.end->caller == "spiffe://mesh.test/agent/home/nas1");
  CHECK(rig.end->detail == "a length and chunks");
  const auto target_state = rig.health_now();
  CHECK((!target_state || (!target_state->failing && target_state->served == 0)));
}

TEST_CASE("a target that is no HTTP server, and one that leaves without a word") {
  Rig other;
  other.shake();
  other.ask(kGet);
  other.target_hears("\r\n\r\n");
  other.say(as_bytes("220 mail.example ESMTP\r\n"));
  CHECK(other.caller_reads_until(ReadKind::end).starts_with("HTTP/1.1 502 "));
  other.caller->shut_down();
  CHECK(other.ended());
  CHECK(other.end->outcome.reason == Reason::service_not_http);
  CHECK(other.health_now()->failing == Reason::service_not_http);

  Rig gone;
  gone.shake();
  gone.ask(kGet);
  gone.target_hears("\r\n\r\n");
  gone.accepted.reset();
  CHECK(gone.caller_reads_until(ReadKind::end).find("service_unanswered") != std::string::npos);
  gone.caller->shut_down();
  CHECK(gone.ended());
  CHECK(gone.end->outcome.reason == Reason::service_unanswered);
  CHECK(gone.health_now()->failing == Reason::service_unanswered);
}

TEST_CASE("half an answer and half a request are cut off, never ended in order") {
  Rig answer;
  answer.shake();
  answer.ask(kGet);
  answer.target_hears("\r\n\r\n");
  answer.say(as_bytes("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhalf"));
  net::shut_down_writing(answer.accepted.get());
  CHECK(answer.caller_reads_until(ReadKind::aborted).ends_with("half"));
  CHECK(answer.ended());
  CHECK(answer.end->outcome.reason == Reason::service_reset);

  Rig request;
  request.shake();
  request.ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99\r\n\r\nhalf");
  request.target_hears("half");
  request.caller->shut_down();
  CHECK(request.worker.until([&] { return net::test::read_outcome(request.accepted.get()) == ECONNRESET; }));
  CHECK(request.ended());
}

TEST_CASE("after a switch of protocols bytes pass as they are, and each side may end first") {
  Rig rig;
  rig.shake();
  rig.ask("GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  rig.target_hears("connection: upgrade\r\n\r\n");
  rig.say(as_bytes("HTTP/1.1 101 Yes\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x01x"));
  rig.caller_hears("\x81\x01x");
  rig.ask("GET no: request\n\n");
  CHECK(rig.target_hears("\n\n") == "GET no: request\n\n");
  net::shut_down_writing(rig.accepted.get());
  rig.caller_reads_until(ReadKind::end);
  rig.ask("late");
  rig.target_hears("late");
  rig.caller->shut_down();
  CHECK(rig.ended());
  CHECK(rig.end->outcome.reason == Reason::completed);
}

}  // namespace
}  // namespace fairlead::agent
