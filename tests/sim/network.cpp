#include "tests/sim/network.h"

namespace fairlead::sim {

constexpr Duration kConnectTimeout = 10s;
constexpr Duration kTcpKeepAlive = 60s;

void Connection::send(Side from, ByteView bytes) {
  if (ends_[index(from)].closed || bytes.empty()) return;
  Bytes copy(bytes.begin(), bytes.end());
  if (purpose == Purpose::data && on_path) on_path(*this, from, copy);
  if (!copy.empty()) enqueue(other(from), std::move(copy));
}

void Connection::close(Side from) {
  if (ends_[index(from)].closed) return;
  ends_[index(from)].closed = true;
  ends_[index(from)].handlers = {};
  enqueue(other(from), {});
}

void Connection::reset() {
  harmed_ = true;
  for (const Side side : {Side::agent, Side::server}) ends_[index(side)].arrivals.clear();
  for (const Side side : {Side::agent, Side::server}) tell_closed(side);
}

void Connection::vanish(Side side) {
  harmed_ = true;
  ends_[index(side)].closed = true;
  ends_[index(side)].handlers = {};
}

void Connection::forget() {
  harmed_ = true;
  forgotten_ = true;
  scheduler_.after(kTcpKeepAlive, [self = shared_from_this()] {
    for (const Side side : {Side::agent, Side::server}) self->tell_closed(side);
  });
}

void Connection::mute(Side from) {
  harmed_ = true;
  ends_[index(from)].muted = true;
}

void Connection::enqueue(Side to, Bytes bytes) {
  End& end = ends_[index(to)];
  if (end.closed || forgotten_ || ends_[index(other(to))].muted) return;
  end.arrivals.push_back({scheduler_.now() + host.delay, std::move(bytes)});
  if (end.pumping) return;
  end.pumping = true;
  scheduler_.at(end.arrivals.front().due, [self = shared_from_this(), to] { self->pump(to); });
}

void Connection::pump(Side side) {
  End& end = ends_[index(side)];
  end.pumping = false;
  while (!end.closed && !end.arrivals.empty()) {
    const TimePoint due = std::max(end.arrivals.front().due, host.cut_until);
    if (due > scheduler_.now()) {
      end.pumping = true;
      scheduler_.at(due, [self = shared_from_this(), side] { self->pump(side); });
      return;
    }
    Bytes bytes = std::move(end.arrivals.front().bytes);
    end.arrivals.pop_front();
    if (bytes.empty()) return tell_closed(side);
    deliver(side, std::move(bytes));
  }
}

void Connection::deliver(Side side, Bytes bytes) {
  const auto self = shared_from_this();
  ByteView rest(bytes);
  while (!rest.empty()) {
    const std::size_t most = rng_.below(4) == 0 ? 1 + rng_.below(rest.size()) : rest.size();
    const auto on_bytes = ends_[index(side)].handlers.on_bytes;  // a copy: the call may replace it
    if (!on_bytes) return;
    on_bytes(rest.first(most));
    rest = rest.subspan(most);
  }
}

void Connection::tell_closed(Side side) {
  End& end = ends_[index(side)];
  if (end.closed) return;
  end.closed = true;
  const auto handlers = std::move(end.handlers);
  end.handlers = {};
  if (handlers.on_closed) handlers.on_closed();
}

void Network::dial(const Host& host, Purpose purpose, std::function<void(ConnectionPtr)> done) {
  if (host.cut_until > scheduler_.now()) {
    scheduler_.after(kConnectTimeout, [done = std::move(done)] { done(nullptr); });
    return;
  }
  scheduler_.after(2 * host.delay, [this, &host, purpose, done = std::move(done)] {
    if (!on_accept) return done(nullptr);
    const auto connection = std::make_shared<Connection>(scheduler_, rng_, host, purpose, ++connections_);
    connection->on_path = on_path;
    if (on_connected) on_connected(connection);
    on_accept(connection);
    done(connection);
  });
}

}  // namespace fairlead::sim
