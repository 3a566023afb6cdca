#include "agent/calling/stdio_pumps.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "common/base/bytes.h"
#include "common/net/thread.h"

namespace fairlead::agent {
namespace {

constexpr std::size_t kPiece = 32 * 1024;

// Whether the call is to be made again: it was interrupted, or whoever shares the descriptor made it non-blocking.
bool is_to_repeat(int fd, short event) {
  if (errno == EINTR) return true;
  if (errno != EAGAIN && errno != EWOULDBLOCK) return false;
  pollfd waited{.fd = fd, .events = event, .revents = 0};
  return ::poll(&waited, 1, -1) >= 0 || errno == EINTR;
}

// Zero: the end, or an error that amounts to one.
std::size_t read_piece(int fd, MutableBytes into) {
  while (true) {
    const ssize_t got = ::read(fd, into.data(), into.size());
    if (got >= 0) return static_cast<std::size_t>(got);
    if (!is_to_repeat(fd, POLLIN)) return 0;
  }
}

bool write_whole(int fd, ByteView bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::write(fd, bytes.data(), bytes.size());
    if (put >= 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(put));
    } else if (!is_to_repeat(fd, POLLOUT)) {
      return false;
    }
  }
  return true;
}

// Until the source ends; false: the target takes nothing more.
bool pump(int from, int to) {
  std::array<std::uint8_t, kPiece> buffer;
  while (const std::size_t got = read_piece(from, buffer)) {
    if (!write_whole(to, ByteView(buffer).first(got))) return false;
  }
  return true;
}

void pump_in(int in, int socket) {
  pump(in, socket);
  ::shutdown(socket, SHUT_WR);
}

void pump_out(int socket, int out) {
  if (!pump(socket, out)) ::shutdown(socket, SHUT_RD);
}

tl::unexpected<Error> io_error(std::string_view what) {
  return fail(Reason::io_failed, std::string(what) + ": " + std::strerror(errno));
}

// The descriptor under a number of ours; its own leads to /dev/null.
Result<net::Fd> take_over(int fd) {
  net::Fd taken(::fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
  const net::Fd nowhere(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!taken.valid() || !nowhere.valid() || ::dup2(nowhere.get(), fd) < 0) return io_error("standard input or output");
  return taken;
}

template <class Body>
Result<void> start_detached(Body body) {
  // A std::function is copied, a descriptor has one owner.
  auto shared = std::make_shared<Body>(std::move(body));
  auto thread = net::start_thread([shared] { (*shared)(); });
  if (!thread) return tl::unexpected(thread.error());
  thread->detach();
  return {};
}

}  // namespace

Result<std::unique_ptr<StdioPumps>> StdioPumps::start(net::Poller& poller, int in, int out, OnWritten on_written) {
  std::array<int, 2> raw{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, raw.data()) != 0) return io_error("a pair of sockets");
  net::Fd ours(raw[0]);
  net::Fd theirs(raw[1]);
  net::Fd twin(::fcntl(theirs.get(), F_DUPFD_CLOEXEC, 0));
  if (!twin.valid() || ::fcntl(ours.get(), F_SETFL, O_NONBLOCK) != 0) return io_error("a socket of a pair");
  if (::pipe2(raw.data(), O_CLOEXEC) != 0) return io_error("a pipe");
  net::Fd written(raw[0]);
  net::Fd writing(raw[1]);
  auto source = take_over(in);
  if (!source) return tl::unexpected(source.error());
  auto target = take_over(out);
  if (!target) return tl::unexpected(target.error());
  auto reads = start_detached([from = std::move(*source), to = std::move(theirs)] { pump_in(from.get(), to.get()); });
  if (!reads) return tl::unexpected(reads.error());
  auto writes = start_detached([from = std::move(twin), to = std::move(*target), until = std::move(writing)]() mutable {
    pump_out(from.get(), to.get());
    to.reset();  // before the word that all is written
    until.reset();
  });
  if (!writes) return tl::unexpected(writes.error());
  return std::unique_ptr<StdioPumps>(
      new StdioPumps(poller, std::move(ours), std::move(written), std::move(on_written)));
}

StdioPumps::StdioPumps(net::Poller& poller, net::Fd socket, net::Fd written, OnWritten on_written)
    : socket_(poller, std::move(socket), *this),
      written_(poller, std::move(written), *this),
      on_written_(std::move(on_written)) {}

void StdioPumps::on_ready(net::Readiness ready) {
  if (!ready.hung_up) return;
  const OnWritten done = std::exchange(on_written_, nullptr);
  if (done) done();
}

}  // namespace fairlead::agent
