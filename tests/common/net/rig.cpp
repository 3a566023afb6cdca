#include "tests/common/net/rig.h"

#include <dirent.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "common/base/byte_writer.h"
#include "common/base/random.h"

namespace fairlead::net::test {
namespace {

// Wakes the loop while a test waits for something that gives the loop no event, such as a peer's turn.
struct Ticker final : PollTarget {
  explicit Ticker(Loop& on) : loop(on), timer([](void* self) { static_cast<Ticker*>(self)->arm(); }, this) { arm(); }
  void arm() { loop.timers().arm(timer, loop.now() + 1ms); }
  void on_ready(Readiness) override {}

  Loop& loop;
  core::TimerEntry timer;
};

Fd expect_fd(Result<Fd> result) {
  REQUIRE(result.has_value());
  return std::move(*result);
}

}  // namespace

bool Worker::until(const std::function<bool()>& condition, Duration limit) {
  const TimePoint deadline = monotonic_now() + limit;
  Ticker ticker(loop);
  while (!condition()) {
    if (monotonic_now() > deadline) return false;
    loop.turn(Loop::Turn::sleep);
  }
  return true;
}

void Worker::settle() {
  for (int i = 0; i < 20; ++i) loop.turn(Loop::Turn::glance);
}

SocketPair tcp_pair() {
  Fd listener = expect_fd(listen_tcp({.ip = IpAddress::v4({127, 0, 0, 1}), .port = 0}, ReusePort::no));
  SocketPair pair;
  pair.far = expect_fd(connect_tcp(*local_address(listener.get())));
  // On loopback the connection is complete once connect() returned.
  auto accepted = accept_connection(listener.get());
  REQUIRE(accepted.has_value());
  REQUIRE(accepted->has_value());
  pair.near = std::move((*accepted)->fd);
  return pair;
}

SocketPair unix_pair() {
  int ends[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
  return {.near = Fd(ends[0]), .far = Fd(ends[1])};
}

SocketPair make_pair_of(Transport transport, int buffers) {
  SocketPair pair = transport == Transport::tcp ? tcp_pair() : unix_pair();
  for (const Fd* fd : {&pair.near, &pair.far}) {
    if (buffers > 0) set_buffers(fd->get(), buffers);
  }
  return pair;
}

void set_buffers(int fd, int bytes) {
  REQUIRE(::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes) == 0);
  REQUIRE(::setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes) == 0);
}

std::size_t open_descriptors() {
  DIR* folder = ::opendir("/proc/self/fd");
  REQUIRE(folder != nullptr);
  std::size_t count = 0;
  while (::readdir(folder) != nullptr) ++count;
  ::closedir(folder);
  return count;
}

Pattern::Pattern(std::uint64_t seed, Bytes beginning) : beginning_(std::move(beginning)), block_(1'000'003) {
  SeededRng(seed).fill(block_);
}

ByteView Pattern::at(std::uint64_t offset, std::size_t most) const {
  const bool early = offset < beginning_.size();
  const Bytes& source = early ? beginning_ : block_;
  const std::size_t from = early ? offset : (offset - beginning_.size()) % block_.size();
  return ByteView(source).subspan(from, std::min(most, source.size() - from));
}

bool Pattern::matches(std::uint64_t offset, ByteView got) const {
  while (!got.empty()) {
    const ByteView wanted = at(offset, got.size());
    if (std::memcmp(wanted.data(), got.data(), wanted.size()) != 0) return false;
    got = got.subspan(wanted.size());
    offset += wanted.size();
  }
  return true;
}

void Peer::pump(std::size_t read_at_most) {
  pump_out();
  pump_in(read_at_most);
}

void Peer::pump_out() {
  while (sent < to_send) {
    const ByteView next = out->at(sent, static_cast<std::size_t>(std::min<std::uint64_t>(to_send - sent, 65536)));
    const ssize_t n = ::send(fd.get(), next.data(), next.size(), MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN) error = errno;
    if (n < 0) return;
    sent += static_cast<std::uint64_t>(n);
  }
  if (then_shut_down && !shut_down_) {
    shut_down_ = true;
    shut_down_writing(fd.get());
  }
}

void Peer::pump_in(std::size_t at_most) {
  std::array<std::uint8_t, 65536> chunk;
  while (at_most > 0 && !ended) {
    const ssize_t n = ::recv(fd.get(), chunk.data(), std::min(at_most, chunk.size()), 0);
    if (n < 0 && errno != EAGAIN) error = errno;
    if (n < 0) return;
    ended = n == 0;
    const auto size = static_cast<std::size_t>(n);
    intact = intact && in->matches(received, ByteView(chunk).first(size));
    received += size;
    at_most -= size;
  }
}

void Peer::send_all(ByteView bytes) {
  REQUIRE(::send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size()));
}

Bytes read_now(int fd) {
  Bytes all;
  std::array<std::uint8_t, 65536> chunk;
  while (true) {
    const ssize_t n = ::recv(fd, chunk.data(), chunk.size(), 0);
    if (n <= 0) return all;
    all.insert(all.end(), chunk.begin(), chunk.begin() + n);
  }
}

std::optional<int> read_outcome(int fd) {
  std::array<std::uint8_t, 65536> chunk;
  while (true) {
    const ssize_t n = ::recv(fd, chunk.data(), chunk.size(), 0);
    if (n == 0) return 0;
    if (n < 0 && errno == EAGAIN) return std::nullopt;
    if (n < 0) return errno;
  }
}

Bytes server_hello_with(std::uint16_t suite) {
  Bytes body;
  ByteWriter writer(body);
  writer.u16(0x0303);
  writer.bytes(Bytes(32, 0xAA));  // random
  writer.bytes8(Bytes(32, 0xBB));
  writer.u16(suite);
  writer.u8(0);  // no compression
  Bytes record;
  ByteWriter out(record);
  out.u8(22);  // handshake
  out.u16(0x0303);
  out.u16(static_cast<std::uint16_t>(body.size() + 4));
  out.u8(2);  // server_hello
  out.u8(0);
  out.u16(static_cast<std::uint16_t>(body.size()));
  out.bytes(body);
  return record;
}

Bytes server_hello() {
  return server_hello_with(0xC02B);
}

RelayRig::RelayRig(Worker& on, Setup setup) : worker(on) {
  SocketPair client_side = make_pair_of(setup.client, setup.client_buffers);
  SocketPair service_side = make_pair_of(setup.service, setup.service_buffers);
  client = std::move(client_side.far);
  service = std::move(service_side.far);
  struct Nobody final : PollTarget {
    void on_ready(Readiness) override {}
  } nobody;
  RelayEnds ends{.client = PolledFd(worker.poller, std::move(client_side.near), nobody),
                 .service = PolledFd(worker.poller, std::move(service_side.near), nobody),
                 .to_service = std::move(setup.to_service),
                 .to_client = std::move(setup.to_client),
                 .to_client_prefix = std::move(setup.to_client_prefix)};
  relay = std::make_unique<Relay>(RelayTools{worker.poller, worker.pipes, worker.farewells, setup.stuck},
                                  std::move(ends), setup.limits, *this);
}

RelayRig::~RelayRig() = default;

void RelayRig::on_relay_ended(Relay& ended, const RelayOutcome& how) {
  CHECK(&ended == relay.get());
  CHECK_FALSE(outcome.has_value());
  outcome = how;
  worker.loop.retire(std::move(relay));
}

}  // namespace fairlead::net::test
