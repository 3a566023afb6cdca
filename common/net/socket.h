#pragma once
// TCP and unix stream sockets as plain non-blocking descriptors, for use in a Poller. All calls are safe on any thread.
#include <optional>
#include <string>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/ip.h"
#include "common/base/result.h"
#include "common/base/time.h"
#include "common/net/fd.h"
#include "common/net/socket_buffers.h"

namespace fairlead::net {

constexpr int kListenBacklog = 4096;

enum class ReusePort { no, yes };
// Takes the address and does not listen yet: address_in_use where somebody listens on it.
Result<Fd> bind_tcp(const SocketAddress& address, ReusePort reuse);
// Listens; an IPv6 address listens on IPv6 alone, so that both families can share a port.
Result<Fd> listen_tcp(const SocketAddress& address, ReusePort reuse);
// For listeners whose clients all speak first: a connection is accepted once it has said something or ended, or after
// kSilenceSeconds and a retransmission. One wake-up for it instead of two.
void accept_who_speaks(int listener);
constexpr int kSilenceSeconds = 1;
// Listens on a unix path with mode 0600; a stale socket file, which nobody answers, is replaced.
Result<Fd> listen_unix(const std::string& path);
struct AcceptedSocket {
  Fd fd;
  SocketAddress peer;  // 0.0.0.0:0 for unix sockets
};
// Takes one waiting connection, with TCP_NODELAY set on TCP. Empty: none is waiting (EAGAIN). Out of descriptors or
// another failure: an Error with Reason::server_full or io_failed.
Result<std::optional<AcceptedSocket>> accept_connection(int listener);

// Begins to connect; connect_result() tells, once the descriptor is writable, how it ended.
Result<Fd> connect_tcp(const SocketAddress& address);
struct ConnectOptions {
  std::optional<IpAddress> source;  // from this address of the host
  SocketBuffers buffers;
};
Result<Fd> connect_tcp(const SocketAddress& address, const ConnectOptions& options);
// Empty: the backlog of whoever listens there is full (EAGAIN); nothing tells when it no longer is.
Result<std::optional<Fd>> connect_unix(const std::string& path);
// Empty: connected. Otherwise connect_refused, connect_timeout, connect_unreachable or io_failed.
std::optional<Error> connect_result(int fd);
Reason connect_reason(int error_number);

// Addresses of this host's interfaces that are up.
std::vector<IpAddress> host_addresses();
// The networks that they are in.
std::vector<Cidr> host_networks();
std::optional<SocketAddress> peer_address(int fd);
std::optional<SocketAddress> local_address(int fd);

// SO_KEEPALIVE probes, so that the kernel notices a dead idle peer: first after `idle`, then every tenth of it
// (5 s at least); three unanswered ones end it. Changing it asks at once where the peer was silent for longer.
void keep_alive(int fd, Duration idle);
// The same in two steps: a listener's pace is inherited by what it accepts, so that one call is left for each of them.
void pace_keep_alive(int fd, Duration idle);
void start_keep_alive(int fd);
// TCP_USER_TIMEOUT: sent bytes that stay unacknowledged this long break the connection.
void set_user_timeout(int fd, Duration limit);
void shut_down_writing(int fd);
// Makes the coming close a reset instead of an orderly end.
void reset_on_close(int fd);
// Bytes that the peer's kernel has not acknowledged yet (SIOCOUTQ).
int unacknowledged_bytes(int fd);

// Non-blocking read and write; bytes moved, nullopt for EAGAIN, Error (connection_lost) otherwise. Zero read: the end.
Result<std::optional<std::size_t>> read_some(int fd, MutableBytes into);
Result<std::optional<std::size_t>> write_some(int fd, ByteView bytes);

// Whether the connection is over: reset, or both streams ended. A peer that only ended its own stream still reads
// (half-close), and one that closed cannot be told from it before something is written.
bool connection_over(int fd);

// What a read would find, without reading it: nothing yet, bytes, or the end of the stream (or an error).
enum class Peek { nothing, bytes, end };
Peek peek(int fd);

// The soft limit of open files, raised to the hard one.
std::size_t raise_open_files();

}  // namespace fairlead::net
