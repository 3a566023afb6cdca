#pragma once
// StreamRelay: what net::Relay is for two sockets, for two ByteStreams of one loop. It copies, through a buffer of at
// most kScratchBytes each way, and obeys the same core::RelayState and core::FirstFlight: pauses, half-close, aborts,
// timeouts and refusals are the same, and so is the RelayOutcome.
//
// Two things differ, because these transports can say more than a socket. A relay that ends early (limits, drain)
// aborts both streams: a truncated stream is never an orderly end. Our own words go out at once.
//
// Owned by a StreamRelayOwner of the same loop, which hands it to loop.retire() in on_stream_relay_ended.
#include <memory>

#include "common/net/byte_stream.h"
#include "common/net/relay.h"

namespace fairlead::net {

struct StreamRelayTools {
  Loop& loop;
  PipePool& pipes;  // for its scratch()
};

struct StreamEnds {
  std::unique_ptr<ByteStream> client;
  std::unique_ptr<ByteStream> service;
  Bytes to_service;        // read from the client already: sent ahead
  Bytes to_client;         // read from the service already: checked and sent ahead
  Bytes to_client_prefix;  // our own words ahead of everything: neither checked nor counted
};

class StreamRelay;

class StreamRelayOwner {
 public:
  virtual ~StreamRelayOwner() = default;
  // Exactly once, the last thing the relay does; its streams were ended. Never from within the constructor.
  virtual void on_stream_relay_ended(StreamRelay& relay, const RelayOutcome& outcome) = 0;
};

class StreamRelay final : private ByteStreamOwner {
 public:
  // Begins to move bytes in the loop's next turn. Of `limits`, `sending` says nothing here.
  StreamRelay(StreamRelayTools tools, StreamEnds ends, const RelayLimits& limits, StreamRelayOwner& owner);
  StreamRelay(const StreamRelay&) = delete;
  StreamRelay& operator=(const StreamRelay&) = delete;

  // Ends it from our side. on_stream_relay_ended follows before it returns, unless it came before.
  void close(Reason reason);

  std::uint64_t client_bytes() const { return state_.passed_on(core::Side::client); }
  std::uint64_t service_bytes() const;
  bool client_spoke() const { return state_.client_spoke(); }
  TimePoint started() const { return started_; }
  // What it and its two streams hold.
  std::size_t memory() const;

 private:
  // One stream, and the direction that comes from it.
  struct End {
    core::Side side;
    std::unique_ptr<ByteStream> stream;
    Bytes ahead;  // read and not yet written
    std::size_t ahead_sent = 0;
    bool ended = false;    // by us: shut down or aborted
    bool aborted = false;  // by us
  };

  void on_stream_progress(ByteStream& stream) override;
  void pump();
  void move(End& from, End& to);
  bool pass_out(End& from, End& to);
  std::size_t take_in(End& from, End& to, std::size_t budget);
  std::size_t take(End& from, End& to, ByteView bytes);
  void look_for_breaks();
  void obey();
  enum class Telling { goes_on, done };
  Telling refuse();
  void look_for_delivery();
  void shut_down(End& end);
  void abort(End& end);
  void finish(Reason reason);
  void arm_timer();
  void on_timer();
  End& end_of(core::Side side) { return side == core::Side::client ? client_ : service_; }
  TimePoint now() const { return tools_.loop.now(); }

  StreamRelayTools tools_;
  StreamRelayOwner& owner_;
  const std::size_t turn_budget_;
  const TimePoint started_;
  core::RelayState state_;
  core::FirstFlight first_;
  const std::uint64_t prefix_size_;
  End client_;
  End service_;
  bool again_ = true;                       // a turn's budget is used up, or the first turn is due
  std::optional<core::Side> awaited_;       // the side whose delivery an abort waits for
  std::optional<TimePoint> refused_until_;  // the client is being told, for so long at most
  core::TimerEntry timer_;
};

}  // namespace fairlead::net
