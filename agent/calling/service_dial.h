#pragma once
// One attempt to reach the service behind a name: the servers of the configuration in their order, through each of them
// a TLS session with the service itself, which must be whom the name says. One loop.
//
//   idle --> resolving --> connecting --TCP stands--> shaking --who was expected answered--> done: told
//               ^ | fails       | fails                 | fails, is refused, or is silent
//               | +-------------+-----------------------+
//               +-- the next server                     `-- none is left, or none would help --> done: told why
//
// Owned by whoever calls. Destroying it cancels.
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "agent/resource/counters.h"
#include "agent/resource/relay_room.h"
#include "agent/setting/called_name.h"
#include "common/net/connector.h"
#include "common/net/relay.h"
#include "common/net/resolver.h"
#include "common/net/tls_byte_stream.h"

namespace fairlead::agent {

// How long a rendezvous may hold a caller, for an agent that is coming back, before it says why.
inline constexpr Duration kHeldByServer = 10s;

// What all calls of one loop share; outlives them.
struct CallTools {
  net::RelayTools relay;
  net::Names& names;
  core::AddressMemory& addresses;  // of servers
  RelayRoom& room;
  Counters& counters;

  net::Poller& poller() const { return relay.poller; }
  net::Loop& loop() const { return relay.poller.loop(); }
};

// A name that is called again and again; outlives its calls.
struct CalledService {
  CalledName name;
  std::vector<HostPort> servers;  // at least one
  Duration connect_timeout = 10s;
  Duration handshake_timeout = 10s;
  tls::TlsClientContext& context;  // Profile::service
  Bytes saved_session = {};        // of the latest handshake: the next one costs no signature
};

struct AnsweredCall {
  std::unique_ptr<net::TlsByteStream> stream;  // its handshake is done
  SocketAddress address;                       // of the server
  Duration connect_time{};                     // the lookup of its name included
  Duration handshake_time{};
};

class ServiceDial final : private net::ByteStreamOwner {
 public:
  // Once, never from start(). May destroy the dial.
  using OnDone = std::function<void(Result<AnsweredCall>)>;

  // `buffers`: of its socket.
  ServiceDial(const CallTools& tools, CalledService& service, net::SocketBuffers buffers, OnDone on_done);
  ~ServiceDial() override;
  ServiceDial(const ServiceDial&) = delete;
  ServiceDial& operator=(const ServiceDial&) = delete;

  void start();

 private:
  enum class State : std::uint8_t {
    idle,        // for start()
    resolving,   // for the addresses of a server's name
    connecting,  // for one of them to take the connection
    shaking,     // for the service's part of the handshake
    done,        // nothing
  };

  void enter(State next);
  void on_stream_progress(net::ByteStream& stream) override;
  void try_next_server();
  void on_resolved(Result<std::vector<SocketAddress>> answer);
  void on_connected(Result<net::Connection> connection);
  void on_timer();
  void give_up_server(Error why);
  void finish(Result<AnsweredCall> result);

  const CallTools tools_;
  CalledService& service_;
  const net::SocketBuffers buffers_;
  OnDone on_done_;
  State state_ = State::idle;
  std::size_t next_server_ = 0;
  TimePoint began_{};      // of this server
  TimePoint connected_{};  // to it
  SocketAddress address_;
  std::optional<Error> failure_;  // the one that says most
  net::Resolver resolver_;
  std::unique_ptr<net::Connector> connector_;
  std::unique_ptr<net::TlsByteStream> stream_;
  core::TimerEntry timer_;
};

}  // namespace fairlead::agent
