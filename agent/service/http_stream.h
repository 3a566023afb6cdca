#pragma once
// A plain target behind HTTP: what its caller writes are requests, what is read are answers, and a Forwarder stands
// between (agent/http). So a StreamRelay relays it like any other stream. See net/byte_stream.h for the contract.
//
//   write      takes nothing while an answer is awaited: pipelined requests stay with the caller
//   read       the target's answers or our own; then the end, or aborted where an answer stayed incomplete
//   shut_down  the target sees an end when nothing is owed to the caller any more; a reset where a request stayed
//              incomplete
//   undelivered, memory   the target's stream's, and what waits here
// One loop; owned by whoever relays it.
#include <memory>
#include <string>

#include "agent/http/forwarder.h"
#include "common/core/timer_queue.h"
#include "common/net/byte_stream.h"
#include "common/net/loop.h"

namespace fairlead::agent {

class HttpStream final : public net::ByteStream, private net::ByteStreamOwner {
 public:
  // `identity`: identity_lines() of the caller. `ahead`: what the target hears in front of all requests.
  HttpStream(net::Loop& loop, std::unique_ptr<net::ByteStream> target, std::string identity, ByteView ahead);

  const Forwarder& forwarder() const { return forwarder_; }

  void set_owner(net::ByteStreamOwner& owner) override;
  net::StreamRead read(MutableBytes into) override;
  std::size_t write(ByteView bytes) override;
  void shut_down() override;
  void abort() override;
  bool broken() const override;
  std::size_t undelivered() const override;
  std::size_t memory() const override;

 private:
  void on_stream_progress(net::ByteStream& stream) override;
  std::optional<net::StreamRead> said(MutableBytes into);
  void hear_target(net::StreamRead got, ByteView bytes);
  bool speaks() const;
  void flush();
  void tell_soon();

  net::Loop& loop_;
  const std::unique_ptr<net::ByteStream> target_;
  Forwarder forwarder_;
  net::ByteStreamOwner* owner_ = nullptr;  // null until set
  bool left_ = false;                      // the target was shut down or aborted
  core::TimerEntry soon_;
};

}  // namespace fairlead::agent
