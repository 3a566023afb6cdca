#pragma once
// One holder per listen address: SO_REUSEPORT, which the workers need, would let a second server of the same user take
// half of the connections. The lock is an abstract unix socket, so the kernel frees it with the process, and it is
// separate per network namespace, as addresses are.
#include "common/base/ip.h"
#include "common/base/result.h"
#include "common/net/fd.h"

namespace fairlead::rendezvous {

class ListenLock {
 public:
  // address_in_use when another server holds it. Blocks for up to two seconds while the holder may be dying.
  static Result<ListenLock> take(const SocketAddress& address);

 private:
  static Result<ListenLock> try_take(const SocketAddress& address);
  explicit ListenLock(net::Fd fd) : fd_(std::move(fd)) {}
  net::Fd fd_;
};

}  // namespace fairlead::rendezvous
