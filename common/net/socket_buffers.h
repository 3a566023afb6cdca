#pragma once
// How much the kernel may hold for one stream socket. Left alone, it grows a connection's buffers to megabytes
// (tcp(7), tcp_moderate_rcvbuf), which is right on a server and fatal on a router with 32 MB. Any thread.
#include <cstddef>

namespace fairlead::net {

// Of each direction, in bytes of content; 0: as the kernel likes.
struct SocketBuffers {
  std::size_t bytes = 0;
  bool operator==(const SocketBuffers&) const = default;
};

// What the kernel holds at most for one direction of such a socket: it doubles what is asked for, because it counts its
// own bookkeeping (socket(7), SO_RCVBUF).
constexpr std::size_t kernel_memory(SocketBuffers buffers) {
  return 2 * buffers.bytes;
}

// Sets both buffers and ends their growth. Before the connect (or on a listener, for what it accepts) the window that
// is offered to the peer fits from the first byte; a limit set or raised later holds from then on, and a raised one can
// use 64 KiB at most, because the scale of the window was agreed on when the connection began (RFC 7323 §2).
void limit_buffers(int fd, SocketBuffers buffers);

// While memory is tight, for a socket that is connected: what is queued beyond the peer's window, and the window that
// is offered, stay small, without the locks of limit_buffers(), so that let_grow() makes it an ordinary socket again.
// What is queued already, and what was offered, stays.
void hold_small(int fd);
void let_grow(int fd);

// What the kernel holds for a socket now, bookkeeping included: both queues, and what it has set aside for them.
std::size_t socket_memory(int fd);

// What all TCP connections of this host together may hold before the kernel begins to save (tcp_mem); 0: unknown.
std::size_t tcp_memory_of_host();

// Whether a third of the send buffer is free (or the connection is broken: a write will tell). If not, the descriptor
// becomes writable (an edge, too) once it is. A write asks less: while the peer's window is closed, splice(2) appends
// to the last segment until that is full, up to 64 KiB beyond the limit (tcp_sendmsg).
bool send_room(int fd);

}  // namespace fairlead::net
