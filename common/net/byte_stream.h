#pragma once
// ByteStream: one end of a connection whose transport is not a plain socket: TLS that is ended here, a stream of an
// HTTP/2 connection, a WebSocket. A StreamRelay copies between two of them.
//
// What every implementation promises:
//   Thread      everything happens on its loop's thread.
//   Ownership   who holds the stream destroys it (Loop::retire, where its owner's callback may be running). If it was
//   shut
//               down, what was written still goes out; otherwise the peer sees an abort.
//   Order       bytes arrive as they were sent. An end is told after the last byte in front of it.
//   Ends        an orderly end (TLS close_notify, END_STREAM, a WebSocket close, FIN) and an abort (RST_STREAM, a
//   transport
//               that ended in the middle of a stream, a reset) are never confused: a stream that was cut off reads as
//               aborted, and abort() reaches the peer as one.
//   Pressure    bytes that nobody reads here fill a bounded buffer, and then the peer is held up: its own stream alone,
//               where streams share a connection. write() takes what there is bounded room for.
//   Calling     the owner is called from the loop only: never from within a method, and not after abort(). From its
//   callback
//               it may call everything but the destructor.
#include <cstddef>
#include <cstdint>

#include "common/base/bytes.h"

namespace fairlead::net {

class ByteStream;

class ByteStreamOwner {
 public:
  virtual ~ByteStreamOwner() = default;
  // Something may have changed: bytes or an end to be read, room to write, an abort, bytes delivered. Not every change
  // has a call of its own: read until `nothing`, write until less is taken.
  virtual void on_stream_progress(ByteStream& stream) = 0;
};

struct StreamRead {
  enum class Kind : std::uint8_t {
    bytes,    // `count` of them, at least one
    nothing,  // yet
    end,      // the peer ended its stream in order; said each time
    aborted,  // the stream is broken; said each time
  };
  Kind kind = Kind::nothing;
  std::size_t count = 0;
};

class ByteStream {
 public:
  virtual ~ByteStream() = default;

  // Who is told from now on. It assumes that everything may be ready, and looks by itself the first time.
  virtual void set_owner(ByteStreamOwner& owner) = 0;

  virtual StreamRead read(MutableBytes into) = 0;
  // How many of these bytes were taken; fewer than given: the owner is called when there is room, or when it is broken.
  virtual std::size_t write(ByteView bytes) = 0;
  // The orderly end of what is written, behind all of it. Once; nothing is written afterwards. Reading goes on.
  virtual void shut_down() = 0;
  // Ends both directions at once; what was written may be lost. Nothing is read or written afterwards.
  virtual void abort() = 0;

  // The peer takes nothing more. What it sent before may still be readable.
  virtual bool broken() const = 0;
  // Written, and not yet known to have reached the peer's side. An abort that must not overtake bytes waits for 0.
  virtual std::size_t undelivered() const = 0;
  // Bytes of this program's memory that its buffers hold now: for budgets.
  virtual std::size_t memory() const = 0;
};

}  // namespace fairlead::net
