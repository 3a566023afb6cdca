#pragma once
// What the tests of common/net share: a worker on the test's own thread, pairs of connected sockets, and peers that are
// pumped from within the loop. Nothing sleeps: every wait has a condition and a deadline.
#include <sys/socket.h>

#include <cerrno>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "common/net/farewell.h"
#include "common/net/pipe_pool.h"
#include "common/net/poller.h"
#include "common/net/relay.h"
#include "common/net/signals.h"
#include "common/net/socket.h"
#include "tests/support/doctest.h"

namespace fairlead::net::test {

struct Worker {
  Worker() { ignore_sigpipe(); }

  // Runs the loop until the condition holds; false when it does not within the limit.
  [[nodiscard]] bool until(const std::function<bool()>& condition, Duration limit = 20s);
  // Runs what is ready now, and what that makes ready, a few times over: for "nothing happens".
  void settle();

  Loop loop;
  Poller poller{loop};
  PipePool pipes;
  Farewells farewells{poller};
};

struct SocketPair {
  Fd near;  // ours, for the code under test
  Fd far;   // the peer
};
SocketPair tcp_pair();
SocketPair unix_pair();
enum class Transport { tcp, local };
SocketPair make_pair_of(Transport transport, int buffers = 0);
void set_buffers(int fd, int bytes);

std::size_t open_descriptors();

// A long stream whose every position is recognisable: its period is a prime and fits no buffer.
class Pattern {
 public:
  explicit Pattern(std::uint64_t seed, Bytes beginning = {});
  // What stands from `offset` on: at least one byte, at most `most`.
  ByteView at(std::uint64_t offset, std::size_t most) const;
  // Whether `got` is what stands at `offset`.
  bool matches(std::uint64_t offset, ByteView got) const;

 private:
  Bytes beginning_;
  Bytes block_;
};

// The far end of a connection. pump() does what its socket allows and is called until a test's condition holds.
struct Peer {
  Peer(Fd socket, const Pattern* sends, std::uint64_t send_total, const Pattern* expects)
      : fd(std::move(socket)), out(sends), to_send(send_total), in(expects) {}

  void pump(std::size_t read_at_most = 1024 * 1024);
  void send_all(ByteView bytes);  // a few bytes: must fit the socket buffer

  Fd fd;
  const Pattern* out;
  std::uint64_t to_send;
  const Pattern* in;
  bool then_shut_down = false;  // when everything was sent
  std::uint64_t sent = 0;
  std::uint64_t received = 0;
  bool ended = false;  // end of stream seen
  int error = 0;       // of the latest failed read or write
  bool intact = true;  // everything received was as expected

 private:
  void pump_out();
  void pump_in(std::size_t at_most);
  bool shut_down_ = false;
};

Bytes read_now(int fd);                   // whatever is there
std::optional<int> read_outcome(int fd);  // after the bytes: 0 end of stream, errno; nullopt: still open
Bytes server_hello();                     // good first bytes of a service: TLS 1.2, ECDHE-ECDSA-AES128-GCM
Bytes server_hello_with(std::uint16_t suite);

// One relay between two pairs, and what its owner heard.
class RelayRig final : public RelayOwner {
 public:
  struct Setup {
    Transport client = Transport::tcp;
    Transport service = Transport::tcp;
    RelayLimits limits{};
    Bytes to_service{};
    Bytes to_client{};
    Bytes to_client_prefix{};
    int client_buffers = 0;  // of both sockets of that connection; 0: the kernel's choice
    int service_buffers = 0;
    StuckRelays* stuck = nullptr;
  };
  RelayRig(Worker& on, Setup setup);
  ~RelayRig() override;

  void on_client_spoke(Relay& /*relay*/) override { ++spoke; }
  void on_relay_ended(Relay& ended, const RelayOutcome& how) override;

  Worker& worker;
  Fd client;  // far ends
  Fd service;
  std::unique_ptr<Relay> relay;
  std::optional<RelayOutcome> outcome;
  int spoke = 0;
};

}  // namespace fairlead::net::test
