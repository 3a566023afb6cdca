#pragma once
// What a connection to a listener may begin with. A value; the default is a rendezvous listener's.

namespace fairlead::front {

struct AcceptSet {
  bool tls = true;
  bool ticket = true;   // a data channel of an agent
  bool verify = false;  // a rendezvous's liveness dial: agents alone are asked
  bool socks5 = false;
  bool connect = false;  // HTTP/1.1 CONNECT
  bool operator==(const AcceptSet&) const = default;
};

}  // namespace fairlead::front
