#include "rendezvous/control/entrance.h"

#include "tests/rendezvous/registry/world.h"

namespace fairlead::rendezvous {
namespace {

// Three starts of one agent, by their numbers, and what each is told.
struct Door final : EntranceAnswers {
  Door()
      : one(starts.claim("home", "nas1", 1)),
        two(starts.claim("home", "nas1", 2)),
        three(starts.claim("home", "nas1", 3)) {}

  void on_admitted(const SessionClaim& claim) override { said(*claim.session, "in"); }
  void on_refused(const SessionClaim& claim, const Refused& why) override {
    said(*claim.session, std::string(reason_code(why.reason)));
  }
  void probe(const Carrier& held) override { said(held, "probe"); }
  void on_superseded(const Carrier& old) override { said(old, "out"); }

  void hello(const SessionClaim& claim) { entrance.on_hello(claim, moment(0s)); }
  void answered(const SessionClaim& claim) { entrance.on_probe_answered(claim.session, moment(1s)); }
  bool close(const SessionClaim& claim) {
    static_cast<ToyCarrier&>(*claim.session).is_over = true;
    return entrance.on_closed(claim.session, moment(2s));
  }
  void said(const Carrier& to, const std::string& what) {
    const int number = &to == one.session.get() ? 1 : &to == two.session.get() ? 2 : 3;
    heard += std::to_string(number) + " " + what + ", ";
  }
  std::string take() { return std::exchange(heard, ""); }

  World starts;
  SessionClaim one;
  SessionClaim two;
  SessionClaim three;
  Entrance entrance{starts.registry, *this};
  std::string heard;
};

TEST_CASE("one probe serves all newcomers of a name") {
  Door door;
  door.hello(door.one);
  door.hello(door.two);
  door.hello(door.three);
  CHECK(door.take() == "1 in, 1 probe, ");
  door.answered(door.one);
  CHECK(door.take() == "2 duplicate_identity, 3 duplicate_identity, ");
}

TEST_CASE("the holder ends: the first newcomer has its place, and is probed for the second") {
  Door door;
  door.hello(door.one);
  door.hello(door.two);
  door.hello(door.three);
  door.take();
  CHECK_FALSE(door.close(door.one));  // taken over before it was closed
  CHECK(door.take() == "1 out, 2 in, 2 probe, ");
  door.answered(door.two);
  CHECK(door.take() == "3 duplicate_identity, ");
}

TEST_CASE("a newcomer that went while it waited takes nothing over") {
  Door door;
  door.hello(door.one);
  door.hello(door.two);
  door.hello(door.three);
  CHECK_FALSE(door.close(door.two));
  door.take();
  door.close(door.one);
  CHECK(door.take() == "1 out, 3 in, ");
}

TEST_CASE("the only newcomer went: the next one is heard by the same probe") {
  Door door;
  door.hello(door.one);
  door.hello(door.two);
  door.close(door.two);
  door.hello(door.three);
  CHECK(door.take() == "1 in, 1 probe, ");
  door.answered(door.one);
  CHECK(door.take() == "3 duplicate_identity, ");
}

TEST_CASE("another session of the holder's start comes during the probe: it is probed in its turn") {
  Door door;
  door.three = door.starts.claim("home", "nas1", 1, 2);
  door.hello(door.one);
  door.hello(door.two);
  door.hello(door.three);
  CHECK(door.take() == "1 in, 1 probe, 1 out, 3 in, ");
  door.close(door.one);
  CHECK(door.take() == "3 probe, ");
}

TEST_CASE("an answer to a probe that nobody waits for, and an end, say nothing") {
  Door door;
  door.hello(door.one);
  door.take();
  door.answered(door.one);
  CHECK(door.close(door.one));
  CHECK_FALSE(door.close(door.one));
  CHECK(door.take().empty());
}

}  // namespace
}  // namespace fairlead::rendezvous
