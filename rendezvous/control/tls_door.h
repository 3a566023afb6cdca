#pragma once
// The door to what ends at the rendezvous: one connection from its first bytes to the end of its TLS handshake, then it
// belongs to the room that its ALPN names, and the door is done. Lives on one control thread, which owns it.
//
//   ControlInbound -> handshake, within limits.handshake_timeout -> Room::enter(Guest)
//                          | failed, late: counted and written down here
//
// A new room is one Room in ControlThread's list; its name is offered in the handshake because it stands there.
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/net/tls_stream.h"
#include "rendezvous/control/handshake_desk.h"
#include "rendezvous/record/access_lines.h"
#include "rendezvous/record/counters.h"
#include "rendezvous/relay/control_inbound.h"

namespace fairlead::rendezvous {

// A peer whose handshake is done. The stream still speaks to its door, which goes now: hand_to() at once, and look at
// what came behind the handshake.
struct Guest {
  std::unique_ptr<net::TlsStream> stream;
  SocketAddress peer;
  HandshakePlace place;  // kept until the room has counted its guest, or is done with it
};

struct Room {
  const char* alpn;
  std::function<void(Guest)> enter;
  tls::ClientCertificate client = tls::ClientCertificate::required;
};

class TlsDoor;

class DoorOwner {
 public:
  virtual ~DoorOwner() = default;
  // The handshake is over, well or not; the last thing a door does.
  virtual void on_door_done(TlsDoor& door) = 0;
};

// Of one control thread; they outlive its doors.
struct DoorTools {
  net::Poller& poller;
  const std::vector<Room>& rooms;
  Counters& counters;
  AccessLines& access_log;
  DoorOwner& owner;
};

class TlsDoor final : public net::TlsStreamOwner {
 public:
  TlsDoor(DoorTools tools, ControlInbound inbound, std::unique_ptr<tls::TlsEngine> engine, HandshakePlace place,
          TimePoint deadline);

  void start();
  void close();  // the server stops: no word, no record
  void give_up(Reason reason) { fail({reason, "the peer did not answer, and others wait"}); }
  HandshakePlace::Ticket ticket() const { return place_.ticket(); }

  std::uint64_t number = 0;  // the thread's

 private:
  void on_tls_progress(net::TlsStream& stream) override;
  void let_in();
  void fail(const Error& why);
  void done();

  DoorTools tools_;
  const SocketAddress peer_;
  Bytes first_bytes_;
  const TimePoint deadline_;
  HandshakePlace place_;
  std::unique_ptr<net::TlsStream> stream_;  // null once done
  core::TimerEntry timer_;
};

// A connection that ends before it came to anything: one count and one line.
void record_refusal(Counters& counters, AccessLines& access_log, const SocketAddress& peer, const Error& why);

}  // namespace fairlead::rendezvous
