#include "common/net/signals.h"

#include <csignal>

#include "common/net/process_start.h"
#include "tests/common/net/rig.h"

namespace fairlead::net {
namespace {

using namespace fairlead::net::test;

TEST_CASE("a signal is a call on the loop, until its watcher is gone") {
  Worker worker;
  int heard = 0;
  {
    SignalWatcher watcher(worker.loop, SIGUSR1, [&] { ++heard; });
    const SignalWatcher moved = std::move(watcher);
    REQUIRE(::raise(SIGUSR1) == 0);
    CHECK(heard == 0);
    CHECK(worker.until([&] { return heard == 1; }));
  }
  std::signal(SIGUSR1, SIG_IGN);
  REQUIRE(::raise(SIGUSR1) == 0);
  worker.settle();
  CHECK(heard == 1);
}

TEST_CASE("a hangup before its watcher exists is kept for it") {
  begin_process();
  REQUIRE(::raise(SIGHUP) == 0);  // would end this process
  Worker worker;
  int heard = 0;
  SignalWatcher watcher(worker.loop, SIGHUP, [&] { ++heard; });
  CHECK(worker.until([&] { return heard == 1; }));
}

TEST_CASE("a write to a closed socket is an error, not a signal") {
  ignore_sigpipe();
  SocketPair pair = unix_pair();
  pair.far.reset();
  CHECK(::write(pair.near.get(), "x", 1) == -1);
  CHECK(errno == EPIPE);
}

}  // namespace
}  // namespace fairlead::net
