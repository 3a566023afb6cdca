#pragma once
// An opening: what is said on a connection before it is known who asks for what. Bytes go in, reply bytes come out, and
// at the end stands one Opened, or the reason why not. One machine per protocol; a machine may hand over to the next
// (a PROXY header to first bytes, first bytes to a ClientHello). Serves the listeners of both programs through Inbound.
//
//   Opening --ProxyMachine?--> FirstBytesMachine --> HelloMachine | TicketMachine | VerifyMachine --> Opened
//                                  +--> SocksGreetingMachine --> SocksRequestMachine --> Opened (tunnel_machines)
//                                  +--> ConnectMachine --> Opened
//
// A new way in (WebSocket, h2c) is a machine of its own beside these, named by FirstBytesMachine,
// with its request in Opened::Asks. How long all of it may take is the Inbound's limit.
//
// Pure; one thread. Holds at most `most_bytes` of what came, and one more that shows that it is too long.
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/ip.h"
#include "common/base/reason.h"
#include "common/front/accept_set.h"
#include "common/wire/client_hello.h"
#include "common/wire/data_channel.h"
#include "common/wire/verify.h"

namespace fairlead::front {

// What a listener allows and says of the connections that it accepts. Immutable while it listens.
struct ListenerRules {
  AcceptSet accept;
  std::vector<Cidr> proxy_from;  // not empty: a PROXY header is mandatory
  std::string service;           // [[port]]: the route is fixed; empty: by SNI
};

// By which protocol a tunnel was asked for, and where it is to lead: to a name, never to an address.
enum class TunnelWay : std::uint8_t { socks5, connect };
struct TunnelRequest {
  TunnelWay way = TunnelWay::socks5;
  std::string host;  // lower case, without a trailing dot; of visible ASCII, not more
  std::uint16_t port = 0;
  bool operator==(const TunnelRequest&) const = default;
};

// Who asks for what, by which way, with which credentials: the alternative is the way, its content the rest.
struct Opened {
  using Asks =
      std::variant<wire::ClientHello, wire::Signed<wire::Ticket>, wire::Signed<wire::VerifyRequest>, TunnelRequest>;
  Asks asks;
};

class OpeningMachine;

// What a machine makes of the bytes so far.
struct OpeningStep {
  struct Wait {};  // for more bytes
  struct Next {
    std::unique_ptr<OpeningMachine> machine;  // looks at the rest at once
  };
  std::variant<Wait, Next, Opened, Reason> result;
  std::size_t consumed = 0;               // of what it was shown: gone for good
  Bytes reply{};                          // goes out before more is read
  std::optional<SocketAddress> caller{};  // as a trusted hop told it
};

class OpeningMachine {
 public:
  virtual ~OpeningMachine() = default;
  // Everything that came and was not consumed, at least one byte; more each time.
  virtual OpeningStep look(ByteView in) = 0;
};

// The machine that a listener's connections begin with; `rules` outlive it.
std::unique_ptr<OpeningMachine> first_machine(const ListenerRules& rules);

class Opening {
 public:
  using Outcome = std::variant<Opened, Reason>;

  Opening(std::unique_ptr<OpeningMachine> first, std::size_t most_bytes)
      : machine_(std::move(first)), most_bytes_(most_bytes) {}

  // Where the next bytes may be put, at least one byte; came() says how many were, and ends the use of the space. The
  // outcome, once there is one: nothing may be called afterwards but the accessors.
  MutableBytes space();
  std::optional<Outcome> came(std::size_t n);

  // To be sent, before anything more is read. What is left of it at the outcome goes ahead of the answer, or are the
  // last words of a refusal.
  ByteView output() const { return output_; }
  Bytes take_output() { return std::move(output_); }
  void sent(std::size_t n);

  // Not a byte came beyond what a hop in between said: a balancer that looks whether the port is open.
  bool said_nothing() const { return used_ == 0; }
  const std::optional<SocketAddress>& caller() const { return caller_; }
  // What came and was not consumed: a ClientHello, which belongs to whoever is asked for.
  Bytes take_bytes() { return std::move(buffer_); }

 private:
  std::optional<Outcome> look();

  std::unique_ptr<OpeningMachine> machine_;
  const std::size_t most_bytes_;
  Bytes buffer_;
  std::size_t used_ = 0;  // of buffer_
  Bytes output_;
  std::optional<SocketAddress> caller_;
};

}  // namespace fairlead::front
