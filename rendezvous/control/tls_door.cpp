#include "rendezvous/control/tls_door.h"

#include <algorithm>

#include "common/base/check.h"
#include "common/net/socket.h"

namespace fairlead::rendezvous {
namespace {
constexpr Duration kUserTimeout = 30s;  // a dead path breaks writes no later than this
}

TlsDoor::TlsDoor(DoorTools tools, ControlInbound inbound, std::unique_ptr<tls::TlsEngine> engine, HandshakePlace place,
                 TimePoint deadline)
    : tools_(tools),
      peer_(inbound.peer),
      first_bytes_(std::move(inbound.bytes)),
      deadline_(deadline),
      place_(std::move(place)),
      timer_(
          [](void* self) {
            static_cast<TlsDoor*>(self)->fail(
                {Reason::handshake_timeout, "the TLS handshake was not finished in time"});
          },
          this) {
  net::set_user_timeout(inbound.fd.get(), kUserTimeout);
  stream_ = std::make_unique<net::TlsStream>(tools.poller, std::move(inbound.fd), std::move(engine), *this);
}

void TlsDoor::start() {
  tools_.poller.loop().timers().arm(timer_, deadline_);
  const Bytes first = std::move(first_bytes_);
  stream_->start(first);
}

void TlsDoor::on_tls_progress(net::TlsStream& /*stream*/) {
  if (!stream_) return;
  if (stream_->handshake_done()) return let_in();
  if (stream_->error()) fail(*stream_->error());
}

// The handshake agrees on nothing that no room has.
void TlsDoor::let_in() {
  timer_.cancel();
  place_.proved();
  const std::string alpn = stream_->engine().alpn();
  const auto room =
      std::find_if(tools_.rooms.begin(), tools_.rooms.end(), [&](const Room& each) { return alpn == each.alpn; });
  CHECK(room != tools_.rooms.end());
  room->enter({std::move(stream_), peer_, std::move(place_)});
  done();
}

void TlsDoor::fail(const Error& why) {
  record_refusal(tools_.counters, tools_.access_log, peer_, why);
  close();
  done();
}

void TlsDoor::close() {
  timer_.cancel();
  place_ = HandshakePlace();
  if (!stream_) return;
  stream_->finish();  // with the alert, where there is one
  tools_.poller.loop().retire(std::move(stream_));
}

void TlsDoor::done() {
  tools_.owner.on_door_done(*this);
}

void record_refusal(Counters& counters, AccessLines& access_log, const SocketAddress& peer, const Error& why) {
  counters.refused.add(why.reason);
  access_log.write({.reason = why.reason, .peer = peer.to_string(), .detail = why.detail});
}

}  // namespace fairlead::rendezvous
