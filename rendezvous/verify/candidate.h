#pragma once
// When one address that an agent offered is dialled, and whether it is published: full checks (TLS, identity, nonce)
// and cheap liveness dials in between, with hysteresis. Pure, with time and randomness as
// arguments; its EndpointVerifier owns it and does the dialling.
//
//   unproved --proof--> down --full checks, as many in a row as `needed`--> live
//       | late           ^                                                    |
//       v                +---------- a dial fails: needed doubles -------------+
//    denied
#include <optional>
#include <string>

#include "common/base/ip.h"
#include "common/base/random.h"
#include "common/base/reason.h"
#include "common/base/time.h"

namespace fairlead::rendezvous {

struct VerifyTiming {
  Duration probe = 30s;  // between liveness dials
  Duration full = 5min;  // between full checks
};

inline constexpr Duration kProofPatience = 10s;
inline constexpr int kNeededMost = 8;          // full checks in a row, for an endpoint that comes and goes
inline constexpr Duration kSteadyFor = 10min;  // live for so long: its past losses are forgotten

enum class VerifyDial : std::uint8_t { full, liveness };

class Candidate {
 public:
  enum class State { unproved, down, live, denied };

  // proved: the address is the one that the agent is seen from.
  static Candidate proved(SocketAddress address, std::string method, TimePoint now);
  static Candidate unproved(SocketAddress address, std::string method, TimePoint now);
  static Candidate denied(SocketAddress address, std::string method, Reason why);

  // Its agent withdrew it and offers it anew: what it lost before still counts.
  int needed() const { return needed_; }
  void expect(int needed) { needed_ = needed; }

  State state() const { return state_; }
  const SocketAddress& address() const { return address_; }
  const std::string& method() const { return method_; }
  Reason reason() const { return reason_; }  // when neither live nor checked yet
  bool checked() const { return checked_; }  // a dial has ended
  bool coming_back() const { return state_ == State::down && reached_ > 0; }

  // The dial that is due, if any; the caller dials and tells on_dialed(). None while one is under way.
  std::optional<VerifyDial> take_dial(TimePoint now);
  // There was no room for it: soon again, as if nothing had been asked.
  void postpone(TimePoint now, Rng& rng);
  // True when the state changed.
  bool on_dialed(VerifyDial dial, bool reached, const VerifyTiming& timing, TimePoint now, Rng& rng);
  void on_proof(TimePoint now);
  bool on_time(TimePoint now);  // true when the state changed: the proof did not come
  // The agent offers the same address again: it may have repaired it.
  void on_offered_again(TimePoint now);
  std::optional<TimePoint> deadline() const;

 private:
  Candidate(SocketAddress address, std::string method) : address_(address), method_(std::move(method)) {}
  bool lose(const VerifyTiming& timing, TimePoint now, Rng& rng);

  SocketAddress address_;
  std::string method_;
  State state_ = State::down;
  Reason reason_ = Reason::verify_failed;
  bool checked_ = false;
  bool dialing_ = false;
  int needed_ = 1;    // full checks in a row before it is live
  int reached_ = 0;   // in a row, while down
  int failures_ = 0;  // in a row, while down
  TimePoint live_since_;
  TimePoint next_full_;
  TimePoint next_probe_ = TimePoint::max();  // while live
  TimePoint proof_deadline_ = TimePoint::max();
};

}  // namespace fairlead::rendezvous
