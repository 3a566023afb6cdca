#include "rendezvous/serving.h"

#include "tests/support/doctest.h"

namespace fairlead::rendezvous {
namespace {

using Action = ServingAction;
using State = Serving::State;

TimePoint at(Duration after_start) {
  return TimePoint(1h) + after_start;
}

TEST_CASE("a server serves until it is told, and has nothing due") {
  Serving serving;
  CHECK(serving.name() == "serving");
  CHECK_FALSE(serving.deadline());
  CHECK(serving.on_time(at(24h), 0) == Action::none);
  CHECK(serving.state() == State::serving);
}

TEST_CASE("agents first, then the listeners, then the last relay") {
  Serving serving;
  CHECK(serving.on_signal(at(0s), 5s, 20s) == Action::tell_agents);
  CHECK(serving.name() == "draining");
  CHECK(serving.deadline() == at(5s));
  CHECK(serving.on_time(at(4s), 0) == Action::none);  // clients are still let in: no relay now is no reason
  CHECK(serving.on_time(at(5s), 3) == Action::close_listeners);
  CHECK(serving.name() == "closing");
  CHECK(serving.deadline() == at(25s));
  CHECK(serving.on_time(at(6s), 3) == Action::none);
  CHECK(serving.on_time(at(7s), 0) == Action::stop);
  CHECK(serving.name() == "stopped");
  CHECK_FALSE(serving.deadline());
}

TEST_CASE("relays that do not end are cut at drain_timeout") {
  Serving serving;
  serving.on_signal(at(0s), 0s, 20s);
  CHECK(serving.on_time(at(1s), 3) == Action::close_listeners);
  CHECK(serving.on_time(at(20s), 3) == Action::none);
  CHECK(serving.on_time(at(21s), 3) == Action::stop);
}

TEST_CASE("a second signal stops at once, whatever is going on; a third changes nothing") {
  for (const bool closing : {false, true}) {
    Serving serving;
    serving.on_signal(at(0s), 5s, 20s);
    if (closing) serving.on_time(at(5s), 3);
    CHECK(serving.on_signal(at(6s), 5s, 20s) == Action::stop);
    CHECK(serving.state() == State::stopped);
    CHECK(serving.on_signal(at(7s), 5s, 20s) == Action::none);
    CHECK(serving.on_time(at(60s), 0) == Action::none);
  }
}

TEST_CASE("a reload while it drains does not move what was decided") {
  Serving serving;
  serving.on_signal(at(0s), 5s, 20s);
  CHECK(serving.deadline() == at(5s));
  serving.on_time(at(5s), 1);
  CHECK(serving.deadline() == at(25s));
}

}  // namespace
}  // namespace fairlead::rendezvous
