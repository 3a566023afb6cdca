#pragma once
// A connection that ends at the rendezvous: its socket and what was read from it. A value, moved from the worker that
// accepted it to a control thread.
#include "common/base/bytes.h"
#include "common/base/ip.h"
#include "common/net/fd.h"

namespace fairlead::rendezvous {

struct ControlInbound {
  net::Fd fd;
  Bytes bytes;
  SocketAddress peer;
};

}  // namespace fairlead::rendezvous
