#pragma once
// Two descriptors of any kind (pipe, terminal, regular file, socket) as one stream socket. A thread each reads and
// writes them: some kinds cannot be polled, and making one non-blocking would do the same to everybody who shares it,
// a shell among them.
//
//   in ----- thread -----> socket pair <----- take_socket(): polled by the loop
//   out <--- thread ------
//
// Both are taken over: their numbers lead to /dev/null from the start, so that nothing else gets into the stream. The
// end of `in` ends the socket's stream; after the last byte `out` is closed, so that its reader sees the end. Who reads
// `out` no more breaks the socket. The threads own what they use, and may outlive this: one that waits for a terminal
// ends with the process. One loop.
#include <functional>
#include <memory>

#include "common/base/result.h"
#include "common/net/poller.h"

namespace fairlead::agent {

class StdioPumps final : private net::PollTarget {
 public:
  using OnWritten = std::function<void()>;  // everything for `out` was written, or cannot be; once

  // io_failed.
  static Result<std::unique_ptr<StdioPumps>> start(net::Poller& poller, int in, int out, OnWritten on_written);

  // Once. Its target is to be changed at once.
  net::PolledFd take_socket() { return std::move(socket_); }

 private:
  StdioPumps(net::Poller& poller, net::Fd socket, net::Fd written, OnWritten on_written);
  void on_ready(net::Readiness ready) override;

  net::PolledFd socket_;
  net::PolledFd written_;  // hangs up when the thread of `out` has ended
  OnWritten on_written_;
};

}  // namespace fairlead::agent
