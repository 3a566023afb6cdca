#pragma once
// One end of a session over real TLS, and what it heard: for tests of drivers and of links.
#include <algorithm>
#include <vector>

#include "common/core/agent_session.h"
#include "common/core/server_session.h"
#include "common/net/session_driver.h"
#include "tests/common/net/tls_rig.h"

namespace fairlead::net::test {

// One end's owner: keeps what it hears.
template <class Session, class Event>
struct Side final : SessionDriverOwner {
  template <class... Args>
  Side(Worker& on, std::unique_ptr<TlsStream> stream, Args&&... args)
      : worker(on), session(std::forward<Args>(args)...) {
    driver = std::make_unique<SessionDriver>(on.loop, std::move(stream), session, *this);
  }
  void on_session_events() override {
    while (auto event = session.next_event()) {
      events.push_back(std::move(*event));
      if (ends_at_first_event) return end();
    }
  }
  void on_session_over(const Error& how) override {
    CHECK_FALSE(over.has_value());
    over = how;
    end();
  }
  void end() {
    driver->end();
    worker.loop.retire(std::move(driver));
  }
  template <class E>
  bool heard() const {
    return std::any_of(events.begin(), events.end(), [](const Event& e) { return std::holds_alternative<E>(e); });
  }

  Worker& worker;
  Session session;
  std::unique_ptr<SessionDriver> driver;
  std::vector<Event> events;
  std::optional<Error> over;
  bool ends_at_first_event = false;
};

}  // namespace fairlead::net::test
