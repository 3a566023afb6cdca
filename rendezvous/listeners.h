#pragma once
// Which of the configured addresses are listened on. What can be bound is bound at the start; an address that this host
// does not have (yet, or any more in its kernel) is tried again when the network changes and every kListenAgain. Main
// loop, owned by Server; binding and handing out are given, so that it is tested without a network.
#include <functional>
#include <string>
#include <vector>

#include "common/base/ip.h"
#include "common/base/result.h"
#include "common/base/time.h"
#include "common/front/inbound.h"
#include "common/net/fd.h"
#include "rendezvous/listen_lock.h"

namespace fairlead::rendezvous {

inline constexpr Duration kListenAgain = 30s;

struct ListenPlan {
  SocketAddress address;
  front::ListenerRules rules;
};

// One socket for each worker, of one address, and what keeps other servers away from it.
struct BoundAddress {
  SocketAddress address;  // with the port that the kernel chose
  std::vector<net::Fd> sockets;
  ListenLock lock;
};

class Listeners {
 public:
  using Bind = std::function<Result<BoundAddress>(const SocketAddress&, ListenManner)>;
  using HandOut = std::function<void(std::vector<net::Fd> sockets, const front::ListenerRules& rules)>;

  Listeners(std::vector<ListenPlan> plans, Bind bind, HandOut hand_out);

  // The error of the first address that cannot be bound for another reason than that it is missing: another program
  // has it, or this user may not.
  Result<void> open();
  // Tries what is missing, without waiting; an error leaves it missing.
  void try_again();
  bool complete() const { return missing_.empty(); }
  // Of each address that is not listened on.
  std::vector<Error> problems() const;

 private:
  struct Missing {
    ListenPlan plan;
    Error error;
  };
  Result<BoundAddress> bind(const SocketAddress& address, Patience patience) const;
  void serve(const ListenPlan& plan, BoundAddress bound);

  std::vector<ListenPlan> plans_;
  const Bind bind_;
  const HandOut hand_out_;
  std::vector<Missing> missing_;
  std::vector<SocketAddress> served_;
  std::vector<ListenLock> locks_;
};

// Binds `workers` sockets with SO_REUSEPORT; address_in_use where another program, or another server, listens.
Result<BoundAddress> bind_for_workers(const SocketAddress& address, std::size_t workers, const std::string& state_dir,
                                      ListenManner manner = {});

}  // namespace fairlead::rendezvous
