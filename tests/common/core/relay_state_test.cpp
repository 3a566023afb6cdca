#include "common/core/relay_state.h"

#include "tests/common/core/relay_machine.h"

namespace fairlead::core {
namespace {

using namespace fairlead::core::test;

TEST_CASE("a direction is paused while it holds bytes, the other one is not") {
  Machine relay;
  CHECK(relay.may_read(kClient));
  CHECK_FALSE(relay.may_write(kService));
  relay.received(kClient, 10);
  CHECK_FALSE(relay.may_read(kClient));
  CHECK(relay.may_write(kService));
  CHECK(relay.may_read(kService));
  CHECK_FALSE(relay.may_write(kClient));
  relay.written(kService, 9);
  CHECK_FALSE(relay.may_read(kClient));
  relay.written(kService, 1);
  CHECK(relay.may_read(kClient));
  CHECK(relay.steps().empty());
}

TEST_CASE("bytes are counted per direction, when they were passed on") {
  Machine relay;
  relay.received(kClient, 7);
  relay.pass(kService, 100);
  CHECK(relay.passed_on(kClient) == 0);
  CHECK(relay.held(kClient) == 7);
  relay.written(kService, 7);
  CHECK(relay.passed_on(kClient) == 7);
  CHECK(relay.passed_on(kService) == 100);
}

TEST_CASE("half-close follows the drain") {
  for (const Side first : {kClient, kService}) {
    Machine relay;
    relay.received(first, 5);
    relay.ended(first);
    CHECK(relay.steps().empty());
    relay.written(other(first), 4);
    CHECK(relay.steps().empty());
    relay.written(other(first), 1);
    relay.expect(Kind::shut_down, other(first));
    CHECK_FALSE(relay.may_read(first));
    relay.pass(other(first), 1000);
    CHECK(relay.steps().empty());
    CHECK(relay.may_read(other(first)));
    relay.ended(other(first));
    CHECK(relay.end() == Reason::completed);
    CHECK_FALSE(relay.close_with_reset(kClient));
    CHECK_FALSE(relay.close_with_reset(kService));
  }
}

TEST_CASE("both ends at once need no half-close") {
  Machine relay;
  relay.received(kClient, 5);
  relay.ended(kClient);
  relay.ended(kService);
  relay.expect(Kind::shut_down, kClient);
  relay.written(kService, 5);
  CHECK(relay.end() == Reason::completed);
}

TEST_CASE("a reset waits for the bytes in front of it, and for their acknowledgement") {
  for (const Side broken : {kClient, kService}) {
    Machine relay;
    relay.received(broken, 5);
    relay.failed(broken);
    CHECK(relay.steps().empty());
    CHECK_FALSE(relay.may_read(broken));
    CHECK_FALSE(relay.may_read(other(broken)));  // nobody takes it
    relay.written(other(broken), 5);
    relay.expect(Kind::await_delivery, other(broken));
    CHECK_FALSE(relay.finished());
    relay.delivered(other(broken));
    CHECK(relay.end() == (broken == kClient ? Reason::client_reset : Reason::service_reset));
    CHECK(relay.close_with_reset(other(broken)));
    CHECK_FALSE(relay.close_with_reset(broken));
  }
}

TEST_CASE("a failed write leaves the side readable to its last byte") {
  Machine relay;
  relay.received(kService, 30);
  relay.write_failed(kClient);
  CHECK(relay.steps().empty());
  CHECK_FALSE(relay.may_write(kClient));  // 30 bytes to throw away
  CHECK(relay.may_read(kClient));
  relay.pass(kClient, 12);
  CHECK(relay.steps().empty());
  relay.ended(kClient);
  relay.expect(Kind::await_delivery, kService);
  relay.delivered(kService);
  CHECK(relay.end() == Reason::client_reset);
  CHECK(relay.close_with_reset(kService));
}

TEST_CASE("a reset after an end of stream is still passed on") {
  Machine relay;
  relay.ended(kClient);
  relay.expect(Kind::shut_down, kService);
  relay.write_failed(kClient);
  relay.expect(Kind::await_delivery, kService);
  relay.delivered(kService);
  CHECK(relay.end() == Reason::client_reset);
  CHECK(relay.close_with_reset(kService));
}

TEST_CASE("when both sides broke, the first is named and nobody is told") {
  for (const Side first : {kClient, kService}) {
    Machine relay;
    relay.received(first, 5);
    relay.failed(first);
    CHECK(relay.steps().empty());
    relay.write_failed(other(first));
    CHECK(relay.end() == (first == kClient ? Reason::client_reset : Reason::service_reset));
    CHECK_FALSE(relay.close_with_reset(other(first)));
  }
}

TEST_CASE("bytes that do not move in time do not hold a reset up") {
  Machine relay;
  relay.received(kClient, 5);
  relay.failed(kClient);
  CHECK(relay.steps(5s).empty());
  CHECK(relay.deadline() == at(5s) + kResetPatience);
  relay.on_time(at(5s) + kResetPatience - 1us);
  CHECK_FALSE(relay.finished());
  SUBCASE("nothing moves") {
    relay.on_time(at(5s) + kResetPatience);
    CHECK(relay.end(6s) == Reason::client_reset);
    CHECK(relay.close_with_reset(kService));
  }
  SUBCASE("something moves") {
    relay.written(kService, 1);
    relay.moved(at(5500ms));
    CHECK(relay.deadline() == at(5500ms) + kResetPatience);
    relay.on_time(at(6s));
    CHECK_FALSE(relay.finished());
  }
  SUBCASE("a trickle ends, too") {
    relay.moved(at(15s));
    CHECK(relay.deadline() == at(5s) + kTimes.half_close_timeout);
    relay.on_time(at(15s));
    CHECK(relay.end(15s) == Reason::client_reset);
  }
}

TEST_CASE("an acknowledgement that does not come in time does not hold a reset up") {
  Machine relay;
  relay.failed(kService);
  relay.expect(Kind::await_delivery, kClient, 3s);
  CHECK(relay.deadline() == at(3s) + kResetPatience);
  relay.on_time(at(4s));
  CHECK(relay.end(4s) == Reason::service_reset);
  CHECK(relay.close_with_reset(kClient));
}

TEST_CASE("the idle deadline moves with each byte") {
  Machine relay;
  CHECK(relay.deadline() == at(60s));
  relay.moved(at(30s));
  CHECK(relay.deadline() == at(90s));
  relay.on_time(at(60s));
  CHECK(relay.steps(60s).empty());
  relay.on_time(at(90s));
  CHECK(relay.end(90s) == Reason::idle_timeout);
  CHECK_FALSE(relay.close_with_reset(kClient));
  CHECK_FALSE(relay.close_with_reset(kService));
  CHECK_FALSE(relay.deadline());
}

TEST_CASE("a half-closed relay ends although bytes still move") {
  Machine relay;
  relay.moved(at(20s));
  relay.ended(kService);
  relay.expect(Kind::shut_down, kClient, 20s);
  CHECK(relay.deadline() == at(30s));
  relay.moved(at(29s));
  CHECK(relay.deadline() == at(30s));
  relay.on_time(at(30s));
  CHECK(relay.end(30s) == Reason::half_close_timeout);
}

TEST_CASE("a half-closed relay can be idle first") {
  RelayState relay({.idle_timeout = 5s, .half_close_timeout = 10s}, at(0s));
  relay.ended(kService);
  CHECK(relay.next_step(at(1s))->kind == Kind::shut_down);
  relay.on_time(at(5s));
  CHECK(relay.next_step(at(5s))->reason == Reason::idle_timeout);
}

TEST_CASE("a client that says nothing beyond its hello is waited for briefly") {
  RelayState relay({.idle_timeout = 60s, .half_close_timeout = 10s, .first_flight_timeout = 3s}, at(0s));
  relay.opened(500);
  relay.written(kService, 500);
  CHECK_FALSE(relay.client_spoke());
  SUBCASE("the service's flight starts the wait anew") {
    relay.received(kService, 100);
    relay.written(kClient, 100);
    relay.moved(at(2s));
    CHECK(relay.deadline() == at(5s));
    relay.on_time(at(5s));
    CHECK(relay.next_step(at(5s))->reason == Reason::first_flight_timeout);
  }
  SUBCASE("a word of the client ends it") {
    relay.received(kClient, 1);
    CHECK(relay.client_spoke());
    CHECK(relay.deadline() == at(60s));
  }
  SUBCASE("an end of its stream does not") {
    relay.ended(kClient);
    CHECK(relay.next_step(at(1s))->kind == Kind::shut_down);
    relay.on_time(at(3s));
    CHECK(relay.next_step(at(3s))->reason == Reason::first_flight_timeout);
  }
}

TEST_CASE("a first flight's limit above the idle limit says nothing") {
  RelayState relay({.idle_timeout = 2s, .half_close_timeout = 10s, .first_flight_timeout = 3s}, at(0s));
  relay.on_time(at(2s));
  CHECK(relay.next_step(at(2s))->reason == Reason::idle_timeout);
}

TEST_CASE("an abort is a reset with a reason of its own, behind the bytes in front of it") {
  for (const Side cut : {kClient, kService}) {
    Machine relay;
    relay.received(cut, 5);
    relay.abort(cut, Reason::session_ended);
    relay.abort(cut, Reason::internal);
    CHECK(relay.steps().empty());
    relay.written(other(cut), 5);
    CHECK(relay.may_read(cut));  // to its last byte
    relay.ended(cut);
    relay.expect(Kind::await_delivery, other(cut));
    relay.delivered(other(cut));
    CHECK(relay.end() == Reason::session_ended);
    CHECK(relay.close_with_reset(other(cut)));
  }
}

TEST_CASE("an end that waits behind stuck bytes is under the idle deadline") {
  Machine relay;
  relay.received(kClient, 1);
  relay.ended(kClient);
  CHECK(relay.steps(1s).empty());
  CHECK(relay.deadline() == at(60s));
}

TEST_CASE("close ends it at any time, once") {
  for (int phase = 0; phase < 4; ++phase) {
    CAPTURE(phase);
    Machine relay;
    relay.received(kClient, 5);
    if (phase == 1) relay.ended(kService);
    if (phase >= 2) relay.failed(kClient);
    if (phase == 3) relay.written(kService, 5);
    relay.steps();
    relay.close(Reason::shutting_down);
    relay.close(Reason::internal);
    CHECK(relay.end() == Reason::shutting_down);
    CHECK_FALSE(relay.may_read(kClient));
    CHECK_FALSE(relay.may_write(kService));
    CHECK_FALSE(relay.close_with_reset(kService));
  }
}

TEST_CASE("what happens after the end changes nothing") {
  Machine relay;
  relay.close(Reason::shutting_down);
  relay.failed(kClient);
  relay.delivered(kService);
  relay.on_time(at(100h));
  CHECK(relay.end() == Reason::shutting_down);
  CHECK_FALSE(relay.close_with_reset(kService));
}

TEST_CASE("delivered counts only when it was asked for") {
  Machine relay;
  relay.delivered(kService);
  CHECK(relay.steps().empty());
  relay.received(kClient, 1);
  relay.failed(kClient);
  relay.steps();
  relay.delivered(kService);
  CHECK_FALSE(relay.finished());
}

}  // namespace
}  // namespace fairlead::core
