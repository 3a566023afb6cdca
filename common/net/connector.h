#pragma once
// One connection to whoever of a destination's addresses answers first: the only place that dials without blocking. Its
// attempts race as core::ConnectRace says, within one deadline. A unix socket whose backlog is full is tried again
// until then. On the poller's loop.
//
//   start() --> racing --an attempt is connected--> told; the others are dropped
//                 | all have failed, or the deadline has passed
//                 +--> told why: the failure that says most (a refusal before silence before no way)
//
// Destroying it cancels: no attempt and no call is left.
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/core/address_memory.h"
#include "common/core/connect_race.h"
#include "common/net/poller.h"
#include "common/net/socket.h"

namespace fairlead::net {

struct Connection {
  PolledFd fd;         // its target is to be changed at once (retarget, release)
  SocketAddress peer;  // which of the addresses it was; 0.0.0.0:0 for a unix socket
};

class Connector {
 public:
  // Exactly once after a start, never from it. Otherwise connect_refused, connect_timeout, connect_unreachable or
  // io_failed. May destroy the Connector.
  using OnDone = std::function<void(Result<Connection>)>;

  // `memory`: of the destination, outlives this; null: none is kept.
  Connector(Poller& poller, ConnectOptions options, core::AddressMemory* memory, OnDone on_done);
  ~Connector();
  Connector(const Connector&) = delete;
  Connector& operator=(const Connector&) = delete;

  // Once, one of them.
  void start(const std::vector<SocketAddress>& addresses, Duration limit);
  void start_unix(std::string path, Duration limit);

 private:
  struct Attempt;

  void run(Duration limit);
  void begin_due();
  void begin(const SocketAddress& address);
  Result<std::optional<Fd>> dial(const SocketAddress& address) const;
  void on_connected(Attempt& winner);
  void on_failed(const SocketAddress& address, const Error& error);
  void on_next();
  void on_deadline();
  void finish(Result<Connection> result);
  TimePoint now() const { return poller_.loop().now(); }

  Poller& poller_;
  const ConnectOptions options_;
  core::AddressMemory* const memory_;
  OnDone on_done_;
  std::string path_;  // of a unix socket; empty: addresses
  core::ConnectRace race_;
  std::vector<std::unique_ptr<Attempt>> attempts_;  // one that has failed is without its descriptor
  std::optional<Error> failure_;                    // the one that says most
  core::TimerEntry deadline_;
  core::TimerEntry next_;  // attempt, or the end when nothing is left
};

}  // namespace fairlead::net
