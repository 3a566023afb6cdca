#include "common/net/socket_buffers.h"

#include <netinet/in.h>
#include <netinet/tcp.h>

#include "tests/common/net/rig.h"

namespace fairlead::net {
namespace {

using namespace fairlead::net::test;

int option(const Fd& fd, int level, int name) {
  int value = -1;
  socklen_t length = sizeof value;
  REQUIRE(::getsockopt(fd.get(), level, name, &value, &length) == 0);
  return value;
}

TEST_CASE("both buffers are limited, may be raised, and 0 leaves them alone") {
  auto listener = listen_tcp(*SocketAddress::parse("127.0.0.1:0"), ReusePort::no);
  REQUIRE(listener);
  const auto near = connect_tcp(*local_address(listener->get()), {.source = std::nullopt, .buffers = {8192}});
  REQUIRE(near);
  CHECK(option(*near, SOL_SOCKET, SO_RCVBUF) == 16384);
  CHECK(option(*near, SOL_SOCKET, SO_SNDBUF) == 16384);
  limit_buffers(near->get(), {0});
  CHECK(option(*near, SOL_SOCKET, SO_RCVBUF) == 16384);
  limit_buffers(near->get(), {32768});
  CHECK(option(*near, SOL_SOCKET, SO_RCVBUF) == 65536);
  CHECK(option(*near, IPPROTO_TCP, TCP_WINDOW_CLAMP) >= 32768);
}

TEST_CASE("who is accepted has the listener's limits") {
  auto listener = listen_tcp(*SocketAddress::parse("127.0.0.1:0"), ReusePort::no);
  REQUIRE(listener);
  limit_buffers(listener->get(), {4096});
  const auto far = connect_tcp(*local_address(listener->get()));
  REQUIRE(far);
  std::optional<AcceptedSocket> accepted;
  for (int i = 0; i < 1000 && !accepted; ++i) accepted = std::move(*accept_connection(listener->get()));
  REQUIRE(accepted);
  CHECK(option(accepted->fd, SOL_SOCKET, SO_RCVBUF) == 8192);
  CHECK(option(accepted->fd, SOL_SOCKET, SO_SNDBUF) == 8192);
}

TEST_CASE("there is room again once the peer has read, and a broken connection has room for an error") {
  auto listener = listen_tcp(*SocketAddress::parse("127.0.0.1:0"), ReusePort::no);
  REQUIRE(listener);
  const auto near = connect_tcp(*local_address(listener->get()), {.source = std::nullopt, .buffers = {4096}});
  REQUIRE(near);
  std::optional<AcceptedSocket> far;
  for (int i = 0; i < 1000 && !far; ++i) far = std::move(*accept_connection(listener->get()));
  REQUIRE(far);
  CHECK(send_room(near->get()));
  const Bytes chunk(4096);
  while (send_room(near->get())) REQUIRE(write_some(near->get(), chunk));
  Worker worker;
  CHECK(worker.until([&] {
    read_now(far->fd.get());
    return send_room(near->get());
  }));
  while (send_room(near->get())) REQUIRE(write_some(near->get(), chunk));
  reset_on_close(far->fd.get());
  far.reset();
  CHECK(worker.until([&] { return send_room(near->get()); }));
}

}  // namespace
}  // namespace fairlead::net
