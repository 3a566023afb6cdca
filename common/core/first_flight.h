#pragma once
// What the first bytes of a relayed connection must be. In passthrough the client began with a
// ClientHello, which whoever routed it has read; the service must begin with a ServerHello or a TLS alert, and none of
// its bytes goes on before that is known. Where TLS was ended on our side, or a protocol of our own has checked what it
// carries, nothing is asked of either side.
//
// Serves the relays of both programs. Pure; one thread. Holds kMaxServerFirst bytes at most.
#include <cstddef>
#include <cstdint>
#include <optional>

#include "common/base/bytes.h"
#include "common/base/reason.h"

namespace fairlead::core {

enum class FlightRule : std::uint8_t {
  passthrough,  // TLS from end to end: a ServerHello or an alert
  anything,     // ended or checked elsewhere
};

class FirstFlight {
 public:
  explicit FirstFlight(FlightRule rule) : judging_(rule == FlightRule::passthrough) {}

  // While true, what the service sends goes through pass(), at most room() bytes at a time.
  bool judging() const { return judging_; }
  // Zero once refused: nothing more is read then.
  std::size_t room() const;
  // What may go on to the client now, all that was held back included; nothing until the beginning was found good.
  Bytes pass(ByteView from_service);
  // The service ended its stream: a beginning that is too short to be judged does not go on.
  void ended();

  // Why it must not go on.
  const std::optional<Reason>& refusal() const { return refusal_; }
  // What the client gets in the place of the service's bytes.
  static Bytes last_words();

 private:
  void judge();

  Bytes held_;
  bool judging_;
  std::optional<Reason> refusal_;
};

}  // namespace fairlead::core
