#pragma once
// A plain socket as a ByteStream, so that it can be one end of a StreamRelay. It buffers nothing: pressure is the
// socket's own. See byte_stream.h for the contract. One loop; owned by whoever relays it.
//
//   read: bytes, then end (FIN) or aborted (reset, time-out); an error that the kernel told once stays told
//   a reset while nobody reads is seen by its event; a unix socket has no reset, its peer sees an end
#include "common/net/byte_stream.h"
#include "common/net/poller.h"

namespace fairlead::net {

class SocketStream final : public ByteStream, private PollTarget {
 public:
  // Takes a socket over from its former target.
  explicit SocketStream(PolledFd fd);

  // To be used otherwise again; nothing may be called afterwards.
  PolledFd release() { return std::move(fd_); }

  void set_owner(ByteStreamOwner& owner) override { owner_ = &owner; }
  StreamRead read(MutableBytes into) override;
  std::size_t write(ByteView bytes) override;
  void shut_down() override;
  void abort() override;
  bool broken() const override { return broken_; }
  std::size_t undelivered() const override;
  std::size_t memory() const override { return 0; }

 private:
  void on_ready(Readiness ready) override;

  PolledFd fd_;
  ByteStreamOwner* owner_ = nullptr;  // null until set
  bool broken_ = false;
};

}  // namespace fairlead::net
