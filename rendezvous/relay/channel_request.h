#pragma once
// One question to an endpoint, asked on a channel that was claimed for it: header and ClientHello out, the answer in.
// Owned by a mesh connection, on its worker; judges no answer itself, the carrier does.
//
// The descriptor is the request's from start() until take_channel(), or it is closed with the request.
#include <memory>

#include "common/net/poller.h"
#include "rendezvous/relay/carrier.h"

namespace fairlead::rendezvous {

// A channel that nobody else has and on which nothing was said yet, the carrier's number for it included.
struct ClaimedChannel {
  net::PolledFd fd;
  std::uint64_t counter = 0;
};

class ChannelRequestOwner {
 public:
  virtual ~ChannelRequestOwner() = default;
  // Exactly one of the three for each request, not from within start(); the request may be destroyed in it.
  // `from_service`: what came behind the answer.
  virtual void on_answer(const wire::ChannelAnswer& answer, Bytes from_service) = 0;
  virtual void on_unbelievable_answer(Reason reason) = 0;  // answer_malformed, answer_forged
  virtual void on_channel_dead() = 0;                      // closed or broken before an answer
};

class ChannelRequest final : public net::PollTarget {
 public:
  // `fields` without the counter. `hello` is copied behind the header, so that both leave in one segment. The carrier
  // outlives the request: the attempt's endpoint holds it.
  ChannelRequest(ChannelRequestOwner& owner, const Carrier& carrier, ClaimedChannel channel, wire::ChannelHeader fields,
                 ByteView hello);

  // Sends what the kernel takes now; everything else happens in the loop's later turns.
  void start();
  // After on_answer.
  net::PolledFd take_channel() { return std::move(fd_); }

 private:
  enum class Wrote : std::uint8_t { all_it_can, failed };
  void on_ready(net::Readiness ready) override;
  Wrote send();
  void receive();

  ChannelRequestOwner& owner_;
  const Carrier& carrier_;
  net::PolledFd fd_;
  Bytes out_;  // header and ClientHello; sent_ of it are on their way
  std::size_t sent_ = 0;
  wire::Mac header_mac_{};
  Bytes in_;
};

}  // namespace fairlead::rendezvous
