// What a service may say first, and what the client hears when it says something else.
#include <string>

#include "common/net/relay.h"
#include "common/wire/tls_alert.h"
#include "tests/common/net/rig.h"

namespace fairlead::net {
namespace {

using namespace fairlead::net::test;

Bytes concat(std::initializer_list<ByteView> parts) {
  Bytes out;
  for (const ByteView part : parts) out.insert(out.end(), part.begin(), part.end());
  return out;
}

void say(const Fd& fd, ByteView bytes) {
  REQUIRE(::send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size()));
}

// Everything the client hears until its end of stream.
Bytes hear_all(Worker& worker, const Fd& client) {
  Bytes heard;
  bool ended = false;
  CHECK(worker.until([&] {
    const Bytes more = read_now(client.get());
    heard.insert(heard.end(), more.begin(), more.end());
    ended = ended || read_outcome(client.get()) == 0;
    return ended;
  }));
  return heard;
}

Bytes hear(Worker& worker, const Fd& client, std::size_t size) {
  Bytes heard;
  CHECK(worker.until([&] {
    const Bytes more = read_now(client.get());
    heard.insert(heard.end(), more.begin(), more.end());
    return heard.size() >= size;
  }));
  return heard;
}

// The service's words are refused: the client hears `prefix` and an alert, then an orderly end.
void check_refused(Worker& worker, RelayRig& rig, Reason reason, ByteView prefix = {}) {
  const Bytes alert = wire::tls_alert(wire::kInternalError);
  CHECK(hear_all(worker, rig.client) == concat({prefix, alert}));
  CHECK(worker.until([&] { return rig.outcome.has_value(); }));
  CHECK(rig.outcome->reason == reason);
  CHECK(rig.outcome->service_bytes == 0);
  CHECK(worker.until([&] { return read_outcome(rig.service.get()).has_value(); }));
  rig.client.reset();
  CHECK(worker.until([&] { return worker.farewells.active() == 0; }));
}

TEST_CASE("a ServerHello goes on when it is complete, not before, whatever its segments") {
  const Bytes hello = server_hello();
  for (std::size_t cut = 0; cut < hello.size(); ++cut) {
    Worker worker;
    RelayRig rig(worker, {});
    say(rig.service, ByteView(hello).first(cut));
    worker.settle();
    REQUIRE(read_now(rig.client.get()).empty());
    say(rig.service, ByteView(hello).subspan(cut));
    REQUIRE(hear(worker, rig.client, hello.size()) == hello);
    CHECK(rig.relay->service_bytes() == hello.size());
    say(rig.service, as_bytes("more"));
    REQUIRE(as_text(hear(worker, rig.client, 4)) == "more");
  }
}

TEST_CASE("what was read from the service earlier is checked together with what follows") {
  const Bytes hello = server_hello();
  const Bytes answer = concat({as_bytes("our own answer")});
  for (std::size_t cut = 0; cut <= hello.size(); ++cut) {
    Worker worker;
    const ByteView early = ByteView(hello).first(cut);
    RelayRig rig(worker, {.to_client = concat({early}), .to_client_prefix = answer});
    const std::size_t begin = answer.size() + (cut == hello.size() ? cut : 0);
    REQUIRE(hear(worker, rig.client, begin).size() == begin);
    say(rig.service, ByteView(hello).subspan(cut));
    say(rig.service, as_bytes("!"));
    const std::size_t rest = cut == hello.size() ? 1 : hello.size() + 1;
    REQUIRE(hear(worker, rig.client, rest).size() == rest);
    CHECK(rig.relay->service_bytes() == hello.size() + 1);  // without our own words
  }
}

TEST_CASE("an alert goes on and so does the end behind it") {
  Worker worker;
  RelayRig rig(worker, {});
  const Bytes alert = wire::tls_alert(wire::kAccessDenied);
  say(rig.service, alert);
  rig.service.reset();
  CHECK(hear_all(worker, rig.client) == alert);
}

TEST_CASE("a service that ends without a word ends, nothing else") {
  Worker worker;
  RelayRig rig(worker, {});
  rig.service.reset();
  CHECK(hear_all(worker, rig.client).empty());
  rig.client.reset();
  CHECK(worker.until([&] { return rig.outcome.has_value(); }));
  CHECK(rig.outcome->reason == Reason::completed);
}

TEST_CASE("plaintext is refused, whatever its segments; a greeting is named where the first one shows it") {
  struct Plain {
    std::string words;
    std::size_t greeting;  // that many bytes show a greeting; 0: none
  };
  for (const Plain& plain : {Plain{"SSH-2.0-OpenSSH_9.2\r\n", 4}, Plain{"HTTP/1.1 400 Bad Request\r\n\r\n", 0},
                             Plain{"220 mail ESMTP\r\n", 4}}) {
    for (std::size_t cut = 1; cut <= plain.words.size(); ++cut) {
      Worker worker;
      RelayRig rig(worker, {});
      say(rig.service, as_bytes(plain.words).first(cut));
      worker.settle();
      if (rig.relay) say(rig.service, as_bytes(plain.words).subspan(cut));
      const bool greeted = plain.greeting > 0 && cut >= plain.greeting;
      check_refused(worker, rig, greeted ? Reason::server_speaks_first : Reason::service_not_tls);
    }
  }
}

TEST_CASE("a suite without encryption is refused") {
  for (const int suite : {0x0002, 0xC006, 0xC018, 0x0003}) {
    Worker worker;
    RelayRig rig(worker, {});
    say(rig.service, server_hello_with(static_cast<std::uint16_t>(suite)));
    check_refused(worker, rig, Reason::service_weak_tls);
  }
}

TEST_CASE("a ServerHello that is cut off does not go on") {
  const Bytes hello = server_hello();
  for (const std::size_t cut : {std::size_t{1}, std::size_t{5}, hello.size() - 1}) {
    Worker worker;
    RelayRig rig(worker, {});
    say(rig.service, ByteView(hello).first(cut));
    shut_down_writing(rig.service.get());
    check_refused(worker, rig, Reason::service_not_tls);
  }
}

TEST_CASE("the alert follows our own words") {
  Worker worker;
  const Bytes answer{1, 2, 3};
  RelayRig rig(worker, {.to_client_prefix = answer});
  say(rig.service, as_bytes("plain"));
  check_refused(worker, rig, Reason::service_not_tls, answer);
}

TEST_CASE("our own words leave with the service's first ones, or alone when these are late") {
  const Bytes hello = server_hello();
  const Bytes answer{1, 2, 3};
  for (const bool late : {false, true}) {
    Worker worker;
    RelayRig rig(worker, {.to_client_prefix = answer});
    const TimePoint begin = rig.relay->started();
    if (late) {
      REQUIRE(hear(worker, rig.client, answer.size()) == answer);
      CHECK(worker.loop.now() >= begin + kPrefixPatience);
      say(rig.service, hello);
      CHECK(hear(worker, rig.client, hello.size()) == hello);
    } else {
      say(rig.service, hello);
      CHECK(worker.until([&] { return peek(rig.client.get()) == Peek::bytes; }));
      CHECK(read_now(rig.client.get()) == concat({answer, hello}));
    }
    CHECK(rig.relay->service_bytes() == hello.size());
  }
}

TEST_CASE("our own words precede the end of a service that said nothing") {
  const Bytes answer{1, 2, 3};
  for (const bool reset : {false, true}) {
    Worker worker;
    RelayRig rig(worker, {.to_client_prefix = answer});
    if (reset) reset_on_close(rig.service.get());
    rig.service.reset();
    CHECK(hear_all(worker, rig.client) == answer);
  }
}

TEST_CASE("the alert follows our own words although they went only in part") {
  Worker worker;
  const Bytes answer(600'000, 'a');
  RelayRig rig(worker, {.client = Transport::local, .to_client_prefix = answer});
  CHECK(worker.until([&] { return peek(rig.client.get()) == Peek::bytes; }));
  say(rig.service, as_bytes("no"));
  check_refused(worker, rig, Reason::service_not_tls, answer);
}

TEST_CASE("plaintext that was read earlier is refused, the owner is not called from the constructor") {
  Worker worker;
  const Bytes answer{1, 2, 3};
  RelayRig rig(worker, {.to_client = {'n', 'o'}, .to_client_prefix = answer});
  CHECK(rig.relay != nullptr);
  check_refused(worker, rig, Reason::service_not_tls, answer);
}

TEST_CASE("the alert arrives although the client goes on sending") {
  Worker worker;
  RelayRig rig(worker, {});
  say(rig.service, as_bytes("plain"));
  say(rig.client, Bytes(20'000, 'x'));
  worker.settle();
  say(rig.client, Bytes(20'000, 'x'));
  check_refused(worker, rig, Reason::service_not_tls);
}

TEST_CASE("where nothing is asked of the service, its words go on behind our own") {
  for (const bool late : {false, true}) {
    Worker worker;
    const Bytes answer{1, 2, 3};
    RelayRig rig(worker, {.limits = {.first = core::FlightRule::anything}, .to_client_prefix = answer});
    if (late) REQUIRE(hear(worker, rig.client, answer.size()) == answer);
    say(rig.service, as_bytes("220 plain"));
    const Bytes wanted = late ? concat({as_bytes("220 plain")}) : concat({answer, as_bytes("220 plain")});
    CHECK(hear(worker, rig.client, wanted.size()) == wanted);
  }
}

TEST_CASE("a service that goes on for ever without a complete ServerHello is refused") {
  Worker worker;
  RelayRig rig(worker, {});
  // A handshake record announces a message of 2^24-1 bytes.
  const Bytes start{22, 3, 3, 0x40, 0, 2, 0xff, 0xff, 0xff};
  say(rig.service, concat({start, Bytes(20'000, 0)}));
  check_refused(worker, rig, Reason::service_not_tls);
}

}  // namespace
}  // namespace fairlead::net
