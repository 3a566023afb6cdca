#pragma once
// One server per listen address: SO_REUSEPORT, which the workers need, would let a second server of the same user take
// half of the connections. Who listens is asked of the kernel, by binding without SO_REUSEPORT: what nobody can fake
// without the address itself. Between two servers that start at once a file in state_dir decides, locked with flock(2),
// which ends with its holder; it says who that is. Where no file can be made the kernel's word is all there is.
#include <string>

#include "common/base/ip.h"
#include "common/base/result.h"
#include "common/net/fd.h"

namespace fairlead::rendezvous {

// An address of ours that overlaps (0.0.0.0 beside 192.0.2.1, one port) would answer for a stranger: only the file is
// asked then.
enum class OwnOverlap { no, yes };
// Whether to wait for up to two seconds, in which a holder may be dying: not on a loop.
enum class Patience { no, yes };

struct ListenManner {
  OwnOverlap own_overlap = OwnOverlap::no;
  Patience patience = Patience::yes;
};

class ListenLock {
 public:
  ListenLock() = default;
  // address_in_use when somebody else listens; the detail says who, where that is known. address_missing, io_failed.
  static Result<ListenLock> take(const SocketAddress& address, const std::string& state_dir, ListenManner manner);

 private:
  static Result<ListenLock> try_take(const SocketAddress& address, const std::string& state_dir, OwnOverlap overlap);
  explicit ListenLock(net::Fd fd) : fd_(std::move(fd)) {}
  net::Fd fd_;  // invalid: without a file
};

}  // namespace fairlead::rendezvous
