#pragma once
// The door of the registry: carries every hello to its end. Registry decides one claim at one moment; where it says
// that the holder of the name must be probed first, the newcomer waits here, until the holder has answered or its
// session has ended. The first newcomer starts the probe, and its outcome serves all that came meanwhile. Nobody waits
// for ever: a probe has a deadline, and a session that misses it is closed.
//
// Pure, told time; one thread, the registry's. `answers` is told within the calls below and must not call back into
// them at once: it posts. Every session that said hello is closed once by on_closed(), whatever it was told; its
// ended() is true by then.
#include <map>
#include <memory>
#include <vector>

#include "rendezvous/registry/registry.h"
#include "rendezvous/relay/carrier.h"

namespace fairlead::rendezvous {

class EntranceAnswers {
 public:
  virtual ~EntranceAnswers() = default;
  virtual void on_admitted(const SessionClaim& claim) = 0;
  virtual void on_refused(const SessionClaim& claim, const Refused& why) = 0;
  // Ping it with core::kTakeoverProbe; then on_probe_answered() or on_closed() follows.
  virtual void probe(const Carrier& held) = 0;
  // Its registrations are gone: refuse it, drop its pool and tickets, never its live relays.
  virtual void on_superseded(const Carrier& old) = 0;
};

class Entrance {
 public:
  Entrance(Registry& registry, EntranceAnswers& answers) : registry_(registry), answers_(answers) {}
  Entrance(const Entrance&) = delete;
  Entrance& operator=(const Entrance&) = delete;

  void on_hello(const SessionClaim& claim, Moment now);
  // Nothing if nobody waits for it: probes have other reasons, too.
  void on_probe_answered(const std::shared_ptr<Carrier>& session, Moment now);
  // True if the registry lost something by it.
  bool on_closed(const std::shared_ptr<Carrier>& session, Moment now);

 private:
  using Waiting = std::vector<SessionClaim>;

  void settle(const SessionClaim& claim, const Admission& admission);
  void on_probe_result(const std::shared_ptr<Carrier>& session, ProbeOutcome outcome, Moment now);

  Registry& registry_;
  EntranceAnswers& answers_;
  std::map<const Carrier*, Waiting> waiting_;  // by the session that is probed
};

}  // namespace fairlead::rendezvous
