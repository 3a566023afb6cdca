#pragma once
// The room of fairlead-verify/1: an agent shows, by a short connection from another of its addresses, the nonce of a
// session of its own (verify/proof_directory.h). One message, then the connection ends. Lives on one control thread,
// which owns it.
#include <memory>

#include "common/core/message_stream.h"
#include "rendezvous/control/tls_door.h"
#include "rendezvous/verify/proof_directory.h"

namespace fairlead::rendezvous {

class ProofReceiver;

class ProofOwner {
 public:
  virtual ~ProofOwner() = default;
  virtual void on_proof_over(ProofReceiver& receiver) = 0;  // the last thing it does
};

struct ProofTools {
  net::Loop& loop;
  ProofDirectory& proofs;
  Counters& counters;
  AccessLines& access_log;
  ProofOwner& owner;
};

class ProofReceiver final : public net::TlsStreamOwner {
 public:
  ProofReceiver(ProofTools tools, Guest guest, TimePoint deadline);

  void start();  // may end it
  void close();  // the server stops

  std::uint64_t number = 0;  // the thread's

 private:
  void on_tls_progress(net::TlsStream& stream) override;
  void judge(const wire::ControlMessage& message);
  void end(const Error& how);

  ProofTools tools_;
  const SocketAddress peer_;
  const TimePoint deadline_;
  const HandshakePlace place_;
  std::unique_ptr<net::TlsStream> stream_;  // null once over
  core::MessageStream messages_;
  core::TimerEntry timer_;
};

}  // namespace fairlead::rendezvous
