// The load of the benchmarks, one thread. What it measures goes to stdout as one line of JSON.
//   bench_client bulk  --to 127.0.0.1:1443 --direction up|down --streams 8 --mib 4096    (of all streams together)
//     {"seconds": from the first byte after the hellos to the last, "gib":..}
//   bench_client short --to 127.0.0.1:1443 --at-once 64 --seconds 1 | --count 1000
//     {"connections":.., "seconds":.., "p50":.., "p99":..}    seconds from the connect to the last byte of the answer
//   bench_client hold  --to 127.0.0.1:1443 --count 100 --at-once 64
//     {"held": 100} once each has had an answer; holds them until stdin ends
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string_view>

#include "common/base/check.h"
#include "common/net/signals.h"
#include "common/net/socket.h"
#include "tests/bench/load/client_modes.h"

namespace fairlead::bench {

namespace {

void set_on(int fd, int level, int option) {
  const int on = 1;
  CHECK(::setsockopt(fd, level, option, &on, sizeof on) == 0);
}

sockaddr_in to_raw(const SocketAddress& address) {
  sockaddr_in raw{};
  raw.sin_family = AF_INET;
  raw.sin_port = htons(address.port);
  CHECK(::inet_pton(AF_INET, address.ip.to_string().c_str(), &raw.sin_addr) == 1);
  return raw;
}

}  // namespace

// Written out, since an end of a benchmark must not change with the socket options that the product prefers.
net::Fd connect_to(const SocketAddress& target, std::uint64_t turn) {
  constexpr std::uint64_t kSources = 8;
  net::Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.valid()) give_up("no socket", -1);
  set_on(fd.get(), IPPROTO_TCP, TCP_NODELAY);
  sockaddr_in source{};
  source.sin_family = AF_INET;
  source.sin_addr.s_addr = htonl(INADDR_LOOPBACK + static_cast<std::uint32_t>(turn % kSources));
  set_on(fd.get(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT);  // the port is chosen when the target is known
  CHECK(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&source), sizeof source) == 0);
  const sockaddr_in raw = to_raw(target);
  const int result = ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&raw), sizeof raw);
  if (result != 0 && errno != EINPROGRESS) give_up(std::strerror(errno), -1);
  return fd;
}

void give_up(const char* what, int fd) {
  const auto error = fd >= 0 ? net::connect_result(fd) : std::nullopt;
  std::fprintf(stderr, "bench_client: %s%s%s\n", what, error ? ": " : "", error ? error->detail.c_str() : "");
  std::exit(1);
}

}  // namespace fairlead::bench

int main(int argc, char** argv) {
  using namespace fairlead;
  net::ignore_sigpipe();
  net::raise_open_files();
  const std::string_view mode = argc > 1 ? argv[1] : "";
  const bench::Options options(argc, argv);
  const auto target = SocketAddress::parse(options.text("--to", ""));
  if (target && mode == "bulk") return bench::run_bulk(*target, options);
  if (target && mode == "short") return bench::run_short(*target, options);
  if (target && mode == "hold") return bench::run_hold(*target, options);
  std::fprintf(stderr, "usage: bench_client bulk|short|hold --to ADDRESS:PORT ...\n");
  return 2;
}
