#pragma once
// How an endpoint is reached. A mesh connection claims a channel to it or waits for one, opens the channel with a
// header that the carrier makes, and lets it judge the answer; what the channel is (an agent's data channel, a stream,
// another server's connection) is the carrier's affair alone. Table entries share it (Endpoint::carrier), so it lives
// on while one of them, or a connection through it, does.
//
// Any thread may call any method, and may drop the last reference: a destructor must not touch a loop. No method blocks
// on anything but a lock held for a few instructions. Nothing here fails but by what it returns.
#include <cstdint>
#include <optional>

#include "common/base/bytes.h"
#include "common/base/gauge.h"
#include "common/base/time.h"
#include "common/core/channel_keys.h"
#include "common/wire/data_channel.h"
#include "rendezvous/registry/routing.h"

namespace fairlead::rendezvous {

// A ready channel or a waiting client by its worker and that worker's own number for it.
struct WorkerItem {
  unsigned worker = 0;
  std::uint64_t number = 0;
  bool operator==(const WorkerItem&) const = default;
};

struct ChannelClaim {
  enum class Kind : std::uint8_t {
    taken,    // `channel` is the client's, and nobody else's
    waiting,  // the client's worker is told of the next one, until stop_waiting()
    ended,    // this carrier brings nobody there any more
  };
  Kind kind;
  WorkerItem channel;
};

// What reports show of a carrier.
struct CarrierLoad {
  Duration rtt{};
  std::size_t channels_ready = 0;
  std::size_t relays = 0;
};

}  // namespace fairlead::rendezvous

namespace fairlead::route {

class Carrier {
 public:
  virtual ~Carrier() = default;

  // A channel, one of the client's own worker where there is one; else the client waits for the next.
  virtual rendezvous::ChannelClaim claim_or_wait(rendezvous::WorkerItem client, TimePoint now) = 0;
  // Whoever waits no longer; nothing if it did not wait.
  virtual void stop_waiting(rendezvous::WorkerItem client) = 0;

  // The bytes that open a channel for one connection; the client's own follow. `fields` has what the mesh connection
  // knows, the channel's counter included; `hello` is at most wire::kMaxChannelHello.
  virtual core::SealedHeader make_header(const wire::ChannelHeader& fields, ByteView hello) const = 0;
  // What the far end says to the header with that MAC, once it has come whole. Malformed: it cannot be believed.
  virtual wire::Parsed<wire::ChannelAnswer> read_answer(ByteView in, const wire::Mac& header_mac) const = 0;

  // A channel of it was silent or dead: the carrier finds out whether it still brings anybody there.
  virtual void probe() = 0;
  // Why a connection through it ended, which its far end cannot see; nothing where the carrier has no way to say so.
  virtual void tell_ended(const wire::ConnectionId& /*connection*/, Reason /*reason*/) {}
  // What the far end said of how a connection through it ended, once; none: nothing so far.
  virtual std::optional<Reason> take_word(const wire::ConnectionId& /*connection*/, TimePoint /*now*/) {
    return std::nullopt;
  }
  // One of the connections that it may carry at a time; none: no more now. Given back before the carrier goes.
  virtual std::optional<GaugeToken> take_place() = 0;
  virtual bool ended() const = 0;
  virtual Duration rtt() const = 0;  // 0: not known
  virtual rendezvous::CarrierLoad load() const = 0;
};

}  // namespace fairlead::route
