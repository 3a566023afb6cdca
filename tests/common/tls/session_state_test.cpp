#include "common/tls/session_state.h"

#include "tests/support/doctest.h"

using namespace fairlead;
using namespace fairlead::tls;

namespace {

constexpr WallTime kNow = std::chrono::sys_days{std::chrono::year{2030} / 1 / 1};

SessionState sample() {
  SessionState state;
  state.peer = {"spiffe://mesh.test/agent/a",
                kNow + std::chrono::hours(48),
                {},
                {"a.example", "b.example"},
                {*IpAddress::parse("192.0.2.1"), *IpAddress::parse("2001:db8::1")}};
  state.peer.leaf_hash.fill(1);
  state.ca_hash.fill(2);
  state.local_leaf.fill(3);
  state.issued = kNow;
  state.tls = Bytes(700, 4);
  return state;
}

}  // namespace

TEST_CASE("what was written is read back") {
  CHECK(parse_session_state(write_session_state(sample())) == sample());
  SessionState bare;
  bare.peer.spiffe_id = "spiffe://a/b";
  CHECK(parse_session_state(write_session_state(bare)) == bare);
}

TEST_CASE("every prefix and every longer state is refused") {
  Bytes whole = write_session_state(sample());
  for (std::size_t n = 0; n < whole.size(); ++n) CHECK_FALSE(parse_session_state(ByteView(whole).first(n)));
  whole.push_back(0);
  CHECK_FALSE(parse_session_state(whole));
}

TEST_CASE("another version and impossible times are refused") {
  Bytes state = write_session_state(sample());
  Bytes other = state;
  other[0] = kSessionStateVersion + 1;
  CHECK_FALSE(parse_session_state(other));
  other = state;
  other[1] = 0xff;  // issued
  CHECK_FALSE(parse_session_state(other));
}

TEST_CASE("no flipped byte crashes the parser") {
  const Bytes state = write_session_state(sample());
  for (std::size_t i = 0; i < state.size(); ++i) {
    Bytes changed = state;
    changed[i] ^= 0xff;
    const auto parsed = parse_session_state(changed);
    if (parsed) CHECK_FALSE(*parsed == sample());
  }
}

TEST_CASE("a session is judged by bundle, end and age") {
  const SessionState state = sample();
  const Digest& ca = state.ca_hash;
  CHECK(judge_session(state, ca, kNow) == ResumptionRefused::none);
  CHECK(judge_session(state, Digest{}, kNow) == ResumptionRefused::ca_changed);
  CHECK(judge_session(state, ca, kNow + kMaxTicketLifetime - std::chrono::seconds(1)) == ResumptionRefused::none);
  CHECK(judge_session(state, ca, kNow + kMaxTicketLifetime) == ResumptionRefused::too_old);
  CHECK(judge_session(state, ca, state.peer.not_after) == ResumptionRefused::expired);
  CHECK(judge_session(state, ca, kNow - kClockSlack) == ResumptionRefused::none);
  CHECK(judge_session(state, ca, kNow - kClockSlack - std::chrono::seconds(1)) == ResumptionRefused::too_old);
}
