#pragma once
// Which addresses of a name failed lately: these have their turn after the others. Pure, time as an argument; one per
// name or per caller, on one loop.
#include <vector>

#include "common/base/ip.h"
#include "common/base/time.h"

namespace fairlead::core {

class AddressMemory {
 public:
  static constexpr Duration kRemembered = 10min;  // after that, an address is as good as new
  static constexpr std::size_t kMost = 64;        // the oldest failure goes

  void failed(const SocketAddress& address, TimePoint now);  // by the connect, or by what came after it
  void worked(const SocketAddress& address);
  // In the order to be tried: families take turns (RFC 8305 §4), beginning with the resolver's choice (RFC 6724);
  // whoever failed comes after all others, the latest to fail last.
  std::vector<SocketAddress> order(const std::vector<SocketAddress>& addresses, TimePoint now) const;

 private:
  struct Failure {
    SocketAddress address;
    TimePoint at;
  };
  std::vector<Failure> failures_;  // the latest last
};

}  // namespace fairlead::core
