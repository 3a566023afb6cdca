#pragma once
// The simulated network between agents' hosts and the one rendezvous: TCP-like connections with delay and arbitrary
// chunking; partitions that hold bytes back (TCP would repeat them), resets, paths that die in one direction, and peers
// that vanish without a word.
#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "common/base/bytes.h"
#include "common/base/random.h"
#include "tests/sim/scheduler.h"

namespace fairlead::sim {

enum class Side { agent, server };
constexpr Side other(Side side) {
  return side == Side::agent ? Side::server : Side::agent;
}
enum class Purpose { control, data };

// A machine that agents run on, and its path to the server.
struct Host {
  std::string name;
  std::string identity;   // what its certificate says; clones share one
  Duration delay = 20ms;  // one way
  TimePoint cut_until{};  // partitioned until then
};

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  struct Handlers {
    std::function<void(ByteView)> on_bytes;
    std::function<void()> on_closed;
  };

  Connection(Scheduler& scheduler, Rng& rng, const Host& from, Purpose what_for, std::uint64_t which)
      : host(from), purpose(what_for), number(which), scheduler_(scheduler), rng_(rng) {}

  void attach(Side side, Handlers handlers) { ends_[index(side)].handlers = std::move(handlers); }
  void send(Side from, ByteView bytes);
  // Orderly: the peer hears of it after all bytes.
  void close(Side from);
  // A reset: both sides hear of it now, bytes on the way are lost.
  void reset();
  // This side's machine is gone; the other one hears nothing.
  void vanish(Side side);

  // The path forgot it, as a NAT does with an idle connection: nothing arrives any more, and only TCP keep-alive will
  // tell, a minute later.
  void forget();

  // What this side sends does not arrive any more, the other direction works.
  void mute(Side from);
  bool closed(Side side) const { return ends_[index(side)].closed; }

  bool harmed() const { return harmed_; }  // did the network or a crash end it, not one of the two programs?
  void set_harmed() { harmed_ = true; }

  // Sees, and may change, all that is sent. Not for control connections: those are TLS.
  std::function<void(Connection&, Side from, Bytes&)> on_path;

  const Host& host;
  const Purpose purpose;
  const std::uint64_t number;  // orders connections: addresses would make runs of one seed differ

 private:
  struct End {
    Handlers handlers;
    bool closed = false;  // nothing is sent or delivered here any more
    bool muted = false;   // what it sends is lost
    struct Arrival {
      TimePoint due;
      Bytes bytes;  // empty: the peer's close
    };
    std::deque<Arrival> arrivals;
    bool pumping = false;
  };
  static std::size_t index(Side side) { return static_cast<std::size_t>(side); }
  void enqueue(Side to, Bytes bytes);
  void pump(Side side);
  void deliver(Side side, Bytes bytes);
  void tell_closed(Side side);

  Scheduler& scheduler_;
  Rng& rng_;
  End ends_[2];
  bool harmed_ = false;
  bool forgotten_ = false;
};

using ConnectionPtr = std::shared_ptr<Connection>;

class Network {
 public:
  Network(Scheduler& scheduler, Rng& rng) : scheduler_(scheduler), rng_(rng) {}

  // The answer comes later: a connection, or null (refused, or 10 s without an answer).
  void dial(const Host& host, Purpose purpose, std::function<void(ConnectionPtr)> done);

  std::function<void(ConnectionPtr)> on_accept;                 // null while the server is down
  std::function<void(Connection&, Side from, Bytes&)> on_path;  // the attacker's place
  std::function<void(const ConnectionPtr&)> on_connected;

 private:
  Scheduler& scheduler_;
  Rng& rng_;
  std::uint64_t connections_ = 0;
};

}  // namespace fairlead::sim
