#pragma once
// How the rest of the server reaches the connection of one agent: by number, through its control thread's loop. What is
// told to one that is gone finds nothing. Any thread may tell; the message runs on the link's own.
#include <cstdint>
#include <functional>
#include <string>

#include "common/base/reason.h"
#include "common/base/time.h"
#include "common/wire/control_message.h"

namespace fairlead::rendezvous {

// What the registry and the workers tell a session. On its own thread.
class SessionEnd {
 public:
  virtual ~SessionEnd() = default;
  virtual void on_admitted() = 0;
  // The session ends: turned away, superseded, or no longer allowed.
  virtual void on_refused(Reason reason, Duration retry_after, const std::string& detail) = 0;
  virtual void on_registered(wire::Registered message) = 0;  // every worker can see it
  virtual void on_claim_refused(std::uint32_t claim, Reason reason, Duration retry_after,
                                const std::string& detail) = 0;
  virtual void on_demand() = 0;             // its carrier wants more or fewer channels
  virtual void probe(Duration within) = 0;  // does the agent live? The session ends if it does not answer
  // We decided why a connection to its agent ended; the agent should hear it.
  virtual void on_relay_ended(const wire::ConnectionId& connection, Reason reason) = 0;
  // Somebody with its identity showed this nonce from that address.
  virtual void on_proof(const wire::Nonce& nonce, const IpAddress& from) = 0;
  virtual void on_renewed(const wire::Renewed& answer) = 0;  // to what its agent asked
};

// Where sessions live under numbers: a control thread.
class SessionHome {
 public:
  virtual ~SessionHome() = default;
  virtual void tell(std::uint64_t number, std::function<void(SessionEnd&)> message) = 0;  // any thread
};

struct LinkRef {
  SessionHome* home = nullptr;
  std::uint64_t number = 0;
  void tell(std::function<void(SessionEnd&)> message) const { home->tell(number, std::move(message)); }
};

}  // namespace fairlead::rendezvous
