#include "common/core/first_flight.h"

#include "common/wire/server_hello.h"
#include "common/wire/tls_alert.h"
#include "tests/common/wire/tls_bytes.h"
#include "tests/support/codec_checks.h"

namespace fairlead::core {
namespace {

using namespace fairlead::test;

Bytes server_hello(const Bytes& suite) {
  const Bytes body = join({{3, 3}, Bytes(32, 0xAA), vec8(Bytes(32, 0xBB)), suite, {0}});
  return record(22, 0x0303, handshake(2, body));
}
const Bytes kGood = server_hello({0xC0, 0x2B});

// What went on, and why nothing more does, of bytes that come in two pieces and then end.
struct Judged {
  Bytes passed;
  std::optional<Reason> refusal;
};
Judged judge(ByteView bytes, std::size_t cut, FlightRule rule = FlightRule::passthrough) {
  FirstFlight flight(rule);
  Judged out;
  for (const ByteView part : {bytes.first(cut), bytes.subspan(cut)}) {
    out.passed = join({out.passed, flight.pass(part.first(std::min(part.size(), flight.room())))});
  }
  flight.ended();
  out.refusal = flight.refusal();
  return out;
}

TEST_CASE("a ServerHello goes on whole, whatever its pieces") {
  const Bytes flight = join({kGood, text("and more of the flight")});
  for (std::size_t cut = 0; cut <= flight.size(); ++cut) {
    const Judged judged = judge(flight, cut);
    CHECK(judged.passed == flight);
    CHECK_FALSE(judged.refusal);
  }
}

TEST_CASE("nothing goes on before it is judged") {
  for (std::size_t size = 0; size < kGood.size(); ++size) {
    FirstFlight flight(FlightRule::passthrough);
    CHECK(flight.pass(ByteView(kGood).first(size)).empty());
    CHECK(flight.judging());
    CHECK_FALSE(flight.refusal());
    CHECK(flight.pass(ByteView(kGood).subspan(size)) == kGood);
    CHECK_FALSE(flight.judging());
  }
}

TEST_CASE("an alert goes on") {
  const Bytes alert = wire::tls_alert(wire::kAccessDenied);
  for (std::size_t cut = 0; cut <= alert.size(); ++cut) {
    const Judged judged = judge(alert, cut);
    CHECK(judged.passed == alert);
    CHECK_FALSE(judged.refusal);
  }
}

TEST_CASE("what is refused is refused on every split, and nothing of it goes on") {
  struct Row {
    Bytes bytes;
    Reason reason;
  };
  for (const Row& row : {Row{text("HTTP/1.1 400 Bad Request\r\n\r\n"), Reason::service_not_tls},
                         Row{server_hello({0x00, 0x02}), Reason::service_weak_tls}, Row{{22}, Reason::service_not_tls},
                         Row{Bytes(kGood.begin(), kGood.end() - 1), Reason::service_not_tls}}) {
    for (std::size_t cut = 0; cut <= row.bytes.size(); ++cut) {
      const Judged judged = judge(row.bytes, cut);
      CHECK(judged.passed.empty());
      CHECK(judged.refusal == row.reason);
    }
  }
}

TEST_CASE("a greeting is named where the first piece shows it") {
  const Bytes ssh = text("SSH-2.0-OpenSSH_9.2\r\n");
  for (std::size_t cut = 1; cut <= ssh.size(); ++cut) {
    CHECK(judge(ssh, cut).refusal == (cut >= 4 ? Reason::server_speaks_first : Reason::service_not_tls));
  }
}

TEST_CASE("a refusal is final") {
  FirstFlight flight(FlightRule::passthrough);
  CHECK(flight.pass(text("no")).empty());
  CHECK(flight.room() == 0);
  flight.ended();
  CHECK(flight.refusal() == Reason::service_not_tls);
  CHECK(FirstFlight::last_words() == wire::tls_alert(wire::kInternalError));
}

TEST_CASE("what is held back is bounded: a beginning that never completes is refused") {
  FirstFlight flight(FlightRule::passthrough);
  std::size_t held = 0;
  // Handshake records of a message of 2^24-1 bytes.
  const Bytes start{22, 3, 3, 0x40, 0, 2, 0xff, 0xff, 0xff};
  CHECK(flight.pass(start).empty());
  for (held = start.size(); flight.room() > 0 && held < 2 * wire::kMaxServerFirst; ++held) flight.pass(Bytes{0});
  CHECK(held <= wire::kMaxServerFirst);
  CHECK(flight.refusal() == Reason::service_not_tls);
}

TEST_CASE("a service that ends without a word is not refused") {
  CHECK_FALSE(judge({}, 0).refusal);
}

TEST_CASE("where nothing is asked, everything goes on at once") {
  const Bytes plain = text("220 mail ESMTP\r\n");
  for (std::size_t cut = 0; cut <= plain.size(); ++cut) {
    const Judged judged = judge(plain, cut, FlightRule::anything);
    CHECK(judged.passed == plain);
    CHECK_FALSE(judged.refusal);
  }
}

}  // namespace
}  // namespace fairlead::core
