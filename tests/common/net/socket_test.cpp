#include "common/net/socket.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/common/net/rig.h"

namespace fairlead::net {
namespace {

using namespace fairlead::net::test;

const IpAddress kLoopback4 = *IpAddress::parse("127.0.0.1");
const IpAddress kLoopback6 = *IpAddress::parse("::1");

int option(const Fd& fd, int level, int name) {
  int value = -1;
  socklen_t length = sizeof value;
  REQUIRE(::getsockopt(fd.get(), level, name, &value, &length) == 0);
  return value;
}

// How a connect ended.
std::optional<Error> outcome(const Result<Fd>& fd) {
  if (!fd) return fd.error();
  Worker worker;
  std::optional<Error> error;
  sockaddr_storage peer{};
  CHECK(worker.until([&] {
    socklen_t length = sizeof peer;
    error = connect_result(fd->get());
    return error || ::getpeername(fd->get(), reinterpret_cast<sockaddr*>(&peer), &length) == 0;
  }));
  return error;
}

TEST_CASE("a peek tells silence, bytes and the end, and takes nothing") {
  int pair[2] = {-1, -1};
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0);
  const Fd one(pair[0]);
  Fd other(pair[1]);
  CHECK(peek(one.get()) == Peek::nothing);
  REQUIRE(::send(other.get(), "x", 1, MSG_NOSIGNAL) == 1);
  CHECK(peek(one.get()) == Peek::bytes);
  CHECK(peek(one.get()) == Peek::bytes);
  std::uint8_t byte = 0;
  REQUIRE(read_some(one.get(), {&byte, 1}).has_value());
  other.reset();
  CHECK(peek(one.get()) == Peek::end);
}

TEST_CASE("a connection is over when it was reset or both streams ended, not when one did") {
  test::SocketPair half = test::tcp_pair();
  CHECK_FALSE(connection_over(half.near.get()));
  shut_down_writing(half.far.get());
  CHECK(peek(half.near.get()) == Peek::end);
  CHECK_FALSE(connection_over(half.near.get()));
  shut_down_writing(half.near.get());
  CHECK(connection_over(half.near.get()));

  test::SocketPair broken = test::tcp_pair();
  reset_on_close(broken.far.get());
  broken.far.reset();
  CHECK(connection_over(broken.near.get()));
}

TEST_CASE("a connection over either family: addresses, flags, bytes") {
  for (const IpAddress& ip : {kLoopback4, kLoopback6}) {
    const auto listener = listen_tcp({.ip = ip, .port = 0}, ReusePort::no);
    if (!listener && ip == kLoopback6) continue;  // a host without IPv6
    REQUIRE(listener.has_value());
    const SocketAddress address = *local_address(listener->get());
    CHECK(address.ip == ip);
    CHECK(address.port != 0);
    auto none = accept_connection(listener->get());
    REQUIRE(none.has_value());
    CHECK_FALSE(none->has_value());
    const auto client = connect_tcp(address);
    CHECK_FALSE(outcome(client));
    auto accepted = accept_connection(listener->get());
    REQUIRE(accepted.has_value());
    REQUIRE(accepted->has_value());
    const Fd& server = (*accepted)->fd;
    CHECK((*accepted)->peer == *local_address(client->get()));
    CHECK(*peer_address(server.get()) == *local_address(client->get()));
    CHECK((::fcntl(server.get(), F_GETFL) & O_NONBLOCK) != 0);
    CHECK((::fcntl(server.get(), F_GETFD) & FD_CLOEXEC) != 0);
    CHECK(option(server, IPPROTO_TCP, TCP_NODELAY) == 1);
    CHECK(option(*client, IPPROTO_TCP, TCP_NODELAY) == 1);
    CHECK(write_some(client->get(), as_bytes("hello")).value() == 5);
    CHECK(as_text(read_now(server.get())) == "hello");
  }
}

TEST_CASE("an address that is taken is refused, unless both share it") {
  const auto first = listen_tcp({.ip = kLoopback4, .port = 0}, ReusePort::no);
  REQUIRE(first.has_value());
  const auto second = listen_tcp(*local_address(first->get()), ReusePort::no);
  REQUIRE_FALSE(second.has_value());
  CHECK(second.error().reason == Reason::address_in_use);
  const auto shared = listen_tcp({.ip = kLoopback4, .port = 0}, ReusePort::yes);
  REQUIRE(shared.has_value());
  CHECK(listen_tcp(*local_address(shared->get()), ReusePort::yes).has_value());
}

TEST_CASE("both families can listen on one port") {
  const auto six = listen_tcp({.ip = *IpAddress::parse("::"), .port = 0}, ReusePort::no);
  if (!six) return;  // a host without IPv6
  const std::uint16_t port = local_address(six->get())->port;
  CHECK(listen_tcp({.ip = *IpAddress::parse("0.0.0.0"), .port = port}, ReusePort::no).has_value());
}

TEST_CASE("a refused connect is told from others") {
  auto listener = listen_tcp({.ip = kLoopback4, .port = 0}, ReusePort::no);
  REQUIRE(listener.has_value());
  const SocketAddress address = *local_address(listener->get());
  listener->reset();
  const auto error = outcome(connect_tcp(address));
  REQUIRE(error.has_value());
  CHECK(error->reason == Reason::connect_refused);
  CHECK(connect_reason(ETIMEDOUT) == Reason::connect_timeout);
  CHECK(connect_reason(ENETUNREACH) == Reason::connect_unreachable);
  CHECK(connect_reason(EHOSTUNREACH) == Reason::connect_unreachable);
  CHECK(connect_reason(ENOENT) == Reason::connect_refused);
  CHECK(connect_reason(EIO) == Reason::io_failed);
}

TEST_CASE("only a socket makes room for a socket") {
  char name[] = "/tmp/fairlead-socket-XXXXXX";
  REQUIRE(::mkdtemp(name) != nullptr);
  const std::filesystem::path folder = name;
  const auto refused = [](const std::filesystem::path& path) {
    const auto listener = listen_unix(path.string());
    return !listener && listener.error().reason == Reason::config_invalid;
  };
  std::ofstream(folder / "nas1.key") << "a key";
  CHECK(refused(folder / "nas1.key"));
  CHECK(std::filesystem::file_size(folder / "nas1.key") == 5);
  REQUIRE(::mkfifo((folder / "fifo").c_str(), 0600) == 0);
  CHECK(refused(folder / "fifo"));
  CHECK(refused(folder));
  // A link is not followed: what it leads to may be anybody's.
  CHECK(listen_unix((folder / "socket").string()));
  std::filesystem::create_symlink(folder / "socket", folder / "link");
  CHECK(refused(folder / "link"));
  CHECK(std::filesystem::exists(folder / "socket"));
  std::filesystem::remove_all(folder);
}

TEST_CASE("an address that is missing is told from one that is in use") {
  CHECK(listen_tcp({IpAddress::v4({192, 0, 2, 77}), 4443}, ReusePort::no).error().reason == Reason::address_missing);
  const auto first = listen_tcp({IpAddress::v4({127, 0, 0, 1}), 0}, ReusePort::no);
  REQUIRE(first);
  const auto second = listen_tcp(*local_address(first->get()), ReusePort::no);
  REQUIRE_FALSE(second);
  CHECK(second.error().reason == Reason::address_in_use);
}

TEST_CASE("unix paths: mode, stale file, too long, nobody there") {
  char name[] = "/tmp/fairlead-socket-XXXXXX";
  REQUIRE(::mkdtemp(name) != nullptr);
  const std::string path = std::string(name) + "/s";
  CHECK(connect_unix(path).error().reason == Reason::connect_refused);
  {
    const auto listener = listen_unix(path);
    REQUIRE(listener.has_value());
    struct stat status{};
    REQUIRE(::stat(path.c_str(), &status) == 0);
    CHECK((status.st_mode & 0777) == 0600);
    CHECK(connect_unix(path).value().has_value());
    const auto second = listen_unix(path);
    REQUIRE_FALSE(second.has_value());
    CHECK(second.error().reason == Reason::address_in_use);
  }
  CHECK(connect_unix(path).error().reason == Reason::connect_refused);
  CHECK(listen_unix(path).has_value());
  CHECK(listen_unix(std::string(200, 'x')).error().reason == Reason::config_invalid);
  CHECK(connect_unix("/tmp/" + std::string(200, 'x')).error().reason == Reason::config_invalid);
  CHECK(listen_unix("/nonexistent-folder/s").error().reason == Reason::io_failed);
  std::filesystem::remove_all(name);
}

TEST_CASE("read and write tell nothing, the end and a lost connection apart") {
  ignore_sigpipe();
  SocketPair pair = tcp_pair();
  std::array<std::uint8_t, 16> into;
  CHECK(read_some(pair.near.get(), into).value() == std::nullopt);
  shut_down_writing(pair.far.get());
  CHECK(read_some(pair.near.get(), into).value() == 0);
  const Bytes much(1 << 16, 'x');
  std::optional<std::size_t> put;
  do {
    put = write_some(pair.near.get(), much).value();
  } while (put);
  CHECK(unacknowledged_bytes(pair.near.get()) > 0);
  reset_on_close(pair.far.get());
  pair.far.reset();
  CHECK(write_some(pair.near.get(), much).error().reason == Reason::connection_lost);
  SocketPair reset = tcp_pair();
  reset_on_close(reset.far.get());
  reset.far.reset();
  CHECK(read_some(reset.near.get(), into).error().reason == Reason::connection_lost);
}

TEST_CASE("options that keep connections honest") {
  const SocketPair pair = tcp_pair();
  keep_alive(pair.near.get(), 45s);
  set_user_timeout(pair.near.get(), 30s);
  CHECK(option(pair.near, SOL_SOCKET, SO_KEEPALIVE) == 1);
  CHECK(option(pair.near, IPPROTO_TCP, TCP_KEEPIDLE) == 45);
  CHECK(option(pair.near, IPPROTO_TCP, TCP_USER_TIMEOUT) == 30000);
  keep_alive(pair.near.get(), 1ms);  // never zero
  CHECK(option(pair.near, IPPROTO_TCP, TCP_KEEPIDLE) == 1);
  const SocketPair local = unix_pair();
  keep_alive(local.near.get(), 45s);  // means nothing there, and harms nothing
}

TEST_CASE("out of descriptors: server_full, and the connection waits") {
  const auto listener = listen_tcp({.ip = kLoopback4, .port = 0}, ReusePort::no);
  REQUIRE(listener.has_value());
  const auto client = connect_tcp(*local_address(listener->get()));
  REQUIRE(client.has_value());
  std::vector<Fd> hoard;
  while (true) {
    Fd fd(::dup(0));
    if (!fd.valid()) break;
    hoard.push_back(std::move(fd));
  }
  const auto full = accept_connection(listener->get());
  hoard.clear();
  REQUIRE_FALSE(full.has_value());
  CHECK(full.error().reason == Reason::server_full);
  const auto accepted = accept_connection(listener->get());
  REQUIRE(accepted.has_value());
  CHECK(accepted->has_value());
}

TEST_CASE("the limit of open files is raised to what is allowed") {
  const std::size_t limit = raise_open_files();
  CHECK(limit >= 1024);
  CHECK(raise_open_files() == limit);
}

}  // namespace
}  // namespace fairlead::net
