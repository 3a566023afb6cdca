// The blocking side of control_socket.h.
#include <poll.h>

#include <array>
#include <cerrno>

#include "common/net/control_socket.h"
#include "common/net/socket.h"

namespace fairlead::net {
namespace {

class Query {
 public:
  Query(Fd fd, Duration timeout) : fd_(std::move(fd)), until_(monotonic_now() + timeout) {}

  Result<void> send(ByteView request) {
    while (!request.empty()) {
      const auto sent = write_some(fd_.get(), request);
      if (!sent) return broken_off();
      if (*sent) {
        request = request.subspan(**sent);
      } else if (const auto ready = wait(POLLOUT); !ready) {
        return ready;
      }
    }
    return {};
  }

  Result<wire::HttpResponse> receive() {
    Bytes answer;
    std::size_t wanted = 1;  // parsed again only when it can help: an answer may be long
    std::array<std::uint8_t, 64 * 1024> chunk;
    while (true) {
      const auto got = read_some(fd_.get(), chunk);
      if (!got || got->value_or(1) == 0) return broken_off();
      if (!*got) {
        if (const auto ready = wait(POLLIN); !ready) return tl::unexpected(ready.error());
        continue;
      }
      answer.insert(answer.end(), chunk.begin(), chunk.begin() + static_cast<std::ptrdiff_t>(**got));
      if (answer.size() < wanted) continue;
      auto parsed = wire::parse_http_response(answer);
      if (auto* done = std::get_if<wire::Done<wire::HttpResponse>>(&parsed)) return std::move(done->value);
      if (const auto* bad = std::get_if<wire::Malformed>(&parsed)) {
        return fail(bad->reason, "the answer on the control socket is not understood");
      }
      wanted = answer.size() + std::get<wire::NeedMore>(parsed).at_least;
    }
  }

 private:
  static tl::unexpected<Error> broken_off() {
    return fail(Reason::io_failed, "the program closed its control socket before it had answered");
  }

  Result<void> wait(short events) {
    while (true) {
      const Duration left = until_ - monotonic_now();
      if (left <= Duration::zero()) return fail(Reason::io_failed, "the program did not answer on its control socket");
      pollfd polled{.fd = fd_.get(), .events = events, .revents = 0};
      const auto ms = std::chrono::ceil<std::chrono::milliseconds>(left).count();
      const int ready = ::poll(&polled, 1, static_cast<int>(ms));
      if (ready > 0) return {};
      if (ready < 0 && errno != EINTR) return fail(Reason::io_failed, "poll failed on the control socket");
    }
  }

  Fd fd_;
  TimePoint until_;
};

// A busy program's backlog is full for a moment, and nothing tells when there is room again.
Result<Fd> reach(const std::string& path, TimePoint until) {
  constexpr int kPause = 20;  // ms
  while (true) {
    auto fd = connect_unix(path);
    if (!fd) return tl::unexpected(fd.error());
    if (*fd) return std::move(**fd);
    if (monotonic_now() >= until) return fail(Reason::io_failed, "the program has too many questions waiting");
    ::poll(nullptr, 0, kPause);
  }
}

}  // namespace

Result<wire::HttpResponse> query_control(const std::string& path, const std::string& path_and_query, Duration timeout) {
  auto fd = reach(path, monotonic_now() + timeout);
  if (!fd && fd.error().reason == Reason::connect_refused) return fail(Reason::not_running, path + ": nobody answers");
  if (!fd) return fail(Reason::io_failed, path + ": " + fd.error().detail);
  Query query(std::move(*fd), timeout);
  Bytes request;
  ByteWriter writer(request);
  wire::write_http_request("GET", path_and_query, writer);
  const auto sent = query.send(request);
  if (!sent) return tl::unexpected(sent.error());
  return query.receive();
}

}  // namespace fairlead::net
