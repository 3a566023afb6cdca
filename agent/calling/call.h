#pragma once
// One connection of a local program, carried to the service: dialled, then relayed until both sides have ended.
//
//   idle --> dialing --the service answered--> relaying --> ended: told
//               |-- it did not: the caller hears why, or is reset --> ended: told why
//               `-- the caller was reset: nobody waits any more --> ended: told
//
// One loop; owned by whoever took the connection, who retires it when told. Destroyed before that, it resets both
// sides: what is cut off is no end.
#include <functional>
#include <memory>
#include <string>

#include "agent/calling/service_dial.h"
#include "common/net/socket_stream.h"
#include "common/net/stream_relay.h"

namespace fairlead::agent {

struct CallEnd {
  Reason reason = Reason::completed;
  std::string detail;           // empty once the service had answered
  std::string peer;             // the SPIFFE id of who answered; empty: nobody
  std::uint64_t bytes_out = 0;  // to the service
  std::uint64_t bytes_in = 0;
  bool failed() const { return peer.empty(); }
};

// What the caller is told in clear, around the bytes that are carried.
struct CallWords {
  Bytes accepted = {};                             // ahead of the service's own
  std::function<Bytes(Reason)> refused = nullptr;  // null: who cannot be carried is reset
  Bytes ahead = {};                                // of the caller for the service, read already
};

class Call final : public net::StreamRelayOwner, private net::ByteStreamOwner {
 public:
  // Once, never from start(); the last thing that it does.
  using OnEnded = std::function<void(Call&, const CallEnd&)>;
  using OnAnswered = std::function<void()>;  // the service has; null: nobody asks

  // The stream's bytes wait where they are until the service has answered. `share`: what the call may hold; whoever
  // took it gives it back.
  Call(const CallTools& tools, CalledService& service, std::unique_ptr<net::SocketStream> caller, CallWords words,
       const net::RelayLimits& limits, const RelayShare& share, OnEnded on_ended, OnAnswered tell_answered = nullptr);
  ~Call() override;
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  void start();
  // Of somebody who is not carried.
  static void turn_away(const CallTools& tools, net::PolledFd caller, const CallWords& words, Reason reason);

 private:
  enum class State : std::uint8_t {
    idle,      // for start()
    dialing,   // for the service to answer
    relaying,  // for both ends
    ended,     // nothing
  };

  void enter(State next);
  void on_stream_progress(net::ByteStream& stream) override;
  void on_answered(Result<AnsweredCall> answered);
  void on_stream_relay_ended(net::StreamRelay& relay, const net::RelayOutcome& outcome) override;
  void end(const CallEnd& how);

  const CallTools tools_;
  const net::RelayLimits limits_;
  OnEnded on_ended_;
  const OnAnswered tell_answered_;
  State state_ = State::idle;
  std::string peer_;
  CallWords words_;
  std::unique_ptr<net::SocketStream> caller_;  // until it is relayed
  std::optional<ServiceDial> dial_;            // until it is done, or nobody waits for it
  std::unique_ptr<net::StreamRelay> relay_;
};

}  // namespace fairlead::agent
