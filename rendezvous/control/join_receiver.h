#pragma once
// The room of fairlead-join/1: a device without an identity, or whose certificate has ended, asks for one
// (wire/join.h). One question, one answer, then the connection ends. Nobody is authenticated here: token and key are
// judged on the thread of join/join_thread.h. Lives on one control thread, which owns it.
#include <memory>

#include "common/wire/join.h"
#include "rendezvous/control/tls_door.h"

namespace fairlead::rendezvous {

class JoinReceiver;

class JoinOwner {
 public:
  virtual ~JoinOwner() = default;
  virtual void on_join_asked(JoinReceiver& receiver, wire::JoinQuestion question) = 0;
  virtual void on_join_over(JoinReceiver& receiver) = 0;  // the last thing it does
};

struct JoinTools {
  net::Loop& loop;
  Counters& counters;
  AccessLines& access_log;
  JoinOwner& owner;
};

class JoinReceiver final : public net::TlsStreamOwner {
 public:
  JoinReceiver(JoinTools tools, Guest guest, TimePoint deadline);

  void start();                                 // may end it
  void answer(const wire::JoinAnswer& answer);  // to what was asked; ends it
  void close();                                 // the server stops
  const SocketAddress& peer() const { return peer_; }

  std::uint64_t number = 0;  // the thread's

 private:
  void on_tls_progress(net::TlsStream& stream) override;
  void end(const Error& how);

  JoinTools tools_;
  const SocketAddress peer_;
  const TimePoint deadline_;
  const HandshakePlace place_;
  std::unique_ptr<net::TlsStream> stream_;  // null once over
  Bytes input_;
  bool asked_ = false;
  core::TimerEntry timer_;
};

}  // namespace fairlead::rendezvous
