#pragma once
// Carries one session over one TLS connection, at both ends alike: what arrives goes into the session, its events to
// the owner, its output back, its time to its deadline, and its last words are flushed for at most a second before the
// end. Takes a TlsStream whose handshake is done. One loop; its owner holds it and the session, and retires it
// (Loop::retire), for it may be running when the owner ends it.
//
//   driver = std::make_unique<SessionDriver>(loop, std::move(stream), *session, *this);
//   driver->start();                       may call the owner, as settle() may
//   session->register_service(...);        any call on the session, then:
//   driver->settle();                      (settle_soon() from within somebody's callback)
//   driver->end(); loop.retire(std::move(driver));     at any time, from within the owner's calls as well
#include <memory>
#include <optional>

#include "common/core/control_session.h"
#include "common/net/tls_stream.h"

namespace fairlead::net {

inline constexpr Duration kLastFlush = 1s;  // for the words that say why a session ends

class SessionDriverOwner {
 public:
  virtual ~SessionDriverOwner() = default;
  // Pull the session's events until there is none, or until one of them made you end the driver.
  virtual void on_session_events() = 0;
  // The connection broke (a reason of TlsStream::error()), or the session is over and flushed or not flushed in time
  // (completed: the session's own event says why). Once, the last call, and not after end(); call end() now.
  virtual void on_session_over(const Error& how) = 0;
};

class SessionDriver final : public TlsStreamOwner {
 public:
  SessionDriver(Loop& loop, std::unique_ptr<TlsStream> stream, core::ControlSession& session,
                SessionDriverOwner& owner);

  void start();
  // After calls on the session: sends what it has to say and arms the timer anew.
  void settle();
  void settle_soon();
  // Ends the connection in order; the session is not touched from here on. Idempotent.
  void end();

  TlsStream& stream() { return *stream_; }
  const TlsStream& stream() const { return *stream_; }

 private:
  enum class State {
    running,
    over,   // the owner was told
    ended,  // the owner has ended it
  };

  void on_tls_progress(TlsStream& stream) override;
  void read();
  void pump();
  void arm();
  void on_timer();
  void tell_over(const Error& how);
  bool running() const { return state_ == State::running; }

  Loop& loop_;
  const std::unique_ptr<TlsStream> stream_;
  core::ControlSession& session_;
  SessionDriverOwner& owner_;
  State state_ = State::running;
  std::optional<TimePoint> flush_until_;  // once the session is over
  core::TimerEntry timer_;
};

}  // namespace fairlead::net
