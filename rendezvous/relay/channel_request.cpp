#include "rendezvous/relay/channel_request.h"

#include "common/net/socket.h"

namespace fairlead::rendezvous {
namespace {

constexpr std::size_t kReadAtOnce = 4 * 1024;

}  // namespace

ChannelRequest::ChannelRequest(ChannelRequestOwner& owner, const Carrier& carrier, ClaimedChannel channel,
                               wire::ChannelHeader fields, ByteView hello)
    : owner_(owner), carrier_(carrier), fd_(std::move(channel.fd)) {
  fields.counter = channel.counter;
  core::SealedHeader sealed = carrier.make_header(fields, hello);
  header_mac_ = sealed.mac;
  out_ = std::move(sealed.bytes);
  out_.insert(out_.end(), hello.begin(), hello.end());
  fd_.retarget(*this);
}

// A channel that is dead already is told of in the next turn.
void ChannelRequest::start() {
  if (send() == Wrote::failed) fd_.run_again();
}

void ChannelRequest::on_ready(net::Readiness ready) {
  if (ready.writable && send() == Wrote::failed) return owner_.on_channel_dead();
  if (ready.readable) receive();
}

ChannelRequest::Wrote ChannelRequest::send() {
  while (sent_ < out_.size()) {
    const auto put = net::write_some(fd_.get(), ByteView(out_).subspan(sent_));
    if (!put) return Wrote::failed;
    if (!*put) break;
    sent_ += **put;
  }
  return Wrote::all_it_can;
}

void ChannelRequest::receive() {
  while (true) {
    const std::size_t had = in_.size();
    in_.resize(had + kReadAtOnce);
    const auto got = net::read_some(fd_.get(), MutableBytes(in_).subspan(had));
    const std::size_t count = got && *got ? **got : 0;
    in_.resize(had + count);
    if (!got || (*got && count == 0)) return owner_.on_channel_dead();
    if (!*got) return;
    const auto parsed = carrier_.read_answer(in_, header_mac_);
    if (const auto* bad = std::get_if<wire::Malformed>(&parsed)) return owner_.on_unbelievable_answer(bad->reason);
    if (const auto* done = std::get_if<wire::Done<wire::ChannelAnswer>>(&parsed)) {
      return owner_.on_answer(done->value, Bytes(in_.begin() + static_cast<std::ptrdiff_t>(done->consumed), in_.end()));
    }
  }
}

}  // namespace fairlead::rendezvous
