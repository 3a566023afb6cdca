#pragma once
// Counts and writes down how the relayed connections of one worker ended, each once, with the reason that the agent has
// too (core/end_words.h): what we decided is told to the carrier's far end; where we saw no more than an end, the
// record waits a moment for the agent's word. One worker's loop; owned by it.
#include <memory>

#include "common/core/end_words.h"
#include "common/net/loop.h"
#include "common/net/relay.h"
#include "rendezvous/record/access_lines.h"
#include "rendezvous/record/counters.h"
#include "rendezvous/relay/carrier.h"

namespace fairlead::rendezvous {

class EndLedger {
 public:
  EndLedger(net::Loop& loop, Counters& counters, AccessLines& access_log);
  ~EndLedger();  // what is still held is recorded as it is

  // `line` makes the access line, when one is wanted or may be; its reason is set here.
  template <class MakeLine>
  void on_ended(const wire::ConnectionId& connection, const std::shared_ptr<Carrier>& carrier,
                const net::RelayOutcome& how, MakeLine line) {
    if (core::worth_telling(how.reason)) carrier->tell_ended(connection, how.reason);
    if (core::doubtful(how.reason, how.client_bytes, how.service_bytes, how.lasted)) {
      return hold({connection, carrier, access_log_.on() ? line() : AccessRecord{.reason = how.reason}});
    }
    counters_.closed.add(how.reason);
    if (access_log_.wants(how.reason)) access_log_.write(line());
  }

 private:
  struct Held {
    wire::ConnectionId connection;
    std::shared_ptr<Carrier> carrier;
    AccessRecord line;
  };

  void hold(Held held);
  void record(Held held);
  void on_timer();

  net::Loop& loop_;
  Counters& counters_;
  AccessLines& access_log_;
  core::HeldRecords<Held> held_;
  core::TimerEntry timer_;
};

}  // namespace fairlead::rendezvous
