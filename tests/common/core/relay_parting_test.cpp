// Which resets are failures, and which are how both sides part.
#include "tests/common/core/relay_machine.h"

namespace fairlead::core {
namespace {

using namespace fairlead::core::test;

TEST_CASE("a reset after both sides are done breaks off nothing") {
  SUBCASE("both ended in the turn of the reset") {
    for (const Side broken : {kClient, kService}) {
      Machine relay;
      relay.ended(kClient);
      relay.ended(kService);
      relay.write_failed(broken);
      CHECK(relay.end() == Reason::completed);
    }
  }
  SUBCASE("one that broke has not ended, whatever a read says afterwards") {
    Machine relay;
    relay.ended(kService);
    relay.write_failed(kClient);
    relay.ended(kClient);
    CHECK(relay.steps().size() == 1);
    relay.delivered(kService);
    CHECK(relay.end() == Reason::client_reset);
  }
}

// Both sides have spoken, `first` ended its stream and its end was passed on.
Machine half_closed_by(Side first) {
  Machine relay;
  relay.pass(kClient, 500);
  relay.pass(kService, 1000);
  relay.ended(first);
  relay.expect(Kind::shut_down, other(first));
  return relay;
}

Reason reason_of_reset(Machine& relay, Side broken) {
  relay.failed(broken);
  relay.expect(Kind::await_delivery, other(broken));
  relay.delivered(other(broken));
  const Reason reason = relay.end();
  CHECK(relay.close_with_reset(other(broken)));  // whatever it is called, it is passed on
  return reason;
}

TEST_CASE("a reset behind an end and last words is no failure") {
  struct Row {
    Side first;  // who ended
    Side broken;
    std::size_t client_says;  // after that end
    std::size_t service_says;
    Reason reason;
  };
  const Row rows[] = {
      // A service that answered and closed, a client's close_notify that comes too late for it.
      {kService, kService, 31, 0, Reason::completed},
      {kService, kService, 64, 0, Reason::completed},
      {kService, kService, 65, 0, Reason::service_reset},
      // A client that got the end and closes without reading, with or without a last word.
      {kService, kClient, 0, 0, Reason::completed},
      {kService, kClient, 31, 0, Reason::completed},
      // A client that closed in order, and was sent a close_notify; or the rest of an answer.
      {kClient, kClient, 0, 31, Reason::completed},
      {kClient, kClient, 0, 1400, Reason::client_reset},
      // A client that waits for its answer, and a service that breaks instead.
      {kClient, kService, 0, 0, Reason::service_reset},
      {kClient, kService, 0, 1400, Reason::service_reset},
  };
  for (const Row& row : rows) {
    Machine relay = half_closed_by(row.first);
    if (row.client_says > 0) relay.pass(kClient, row.client_says);
    if (row.service_says > 0) relay.pass(kService, row.service_says);
    CHECK(reason_of_reset(relay, row.broken) == row.reason);
  }
}

TEST_CASE("where one side never spoke, a reset behind an end is one") {
  for (const Side silent : {kClient, kService}) {
    Machine relay;
    relay.pass(other(silent), 500);
    relay.ended(kService);
    relay.expect(Kind::shut_down, kClient);
    CHECK(reason_of_reset(relay, kService) == Reason::service_reset);
  }
}

}  // namespace
}  // namespace fairlead::core
