#pragma once
// One full check by a rendezvous, from its ClientHello to our answer:
//
//   handshaking --mutual TLS, a rendezvous's identity--> asked --its request, MAC is good--> answered --it closes-->
//   ended
//
// Owned by VerifyResponder; tells it its end as its last act.
#include <memory>
#include <string>

#include "agent/direct/key_finder.h"
#include "common/base/ip.h"
#include "common/net/tls_stream.h"

namespace fairlead::agent {

class VerifyHandshake;

class VerifyHandshakeOwner {
 public:
  virtual ~VerifyHandshakeOwner() = default;
  // completed: the request was answered.
  virtual void on_verify_ended(VerifyHandshake& handshake, Reason reason, const std::string& detail) = 0;
};

// Who may ask, and how long it may take.
struct VerifyRules {
  std::string rendezvous_id;  // SPIFFE pattern; {trust_domain} stands for our own
  std::string trust_domain;
  Duration timeout{};
};

class VerifyHandshake final : public net::TlsStreamOwner {
 public:
  VerifyHandshake(net::Poller& poller, net::Fd fd, std::unique_ptr<tls::TlsEngine> engine, SocketAddress peer,
                  KeyFinder& keys, VerifyRules rules, VerifyHandshakeOwner& owner);

  void start(ByteView already_read);
  const SocketAddress& peer() const { return peer_; }
  std::uint64_t number = 0;  // the owner's

 private:
  enum class State { handshaking, asked, answered, ended };

  void on_tls_progress(net::TlsStream& stream) override;
  void look_at_peer();
  void look_at_request();
  void on_timeout();
  void end(Reason reason, const std::string& detail);

  VerifyHandshakeOwner& owner_;
  KeyFinder& keys_;
  const VerifyRules rules_;
  const SocketAddress peer_;
  net::Loop& loop_;
  State state_ = State::handshaking;
  net::TlsStream stream_;
  core::TimerEntry timer_;
};

}  // namespace fairlead::agent
