#include "common/net/network_watch.h"

#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>

#include <atomic>
#include <cstring>
#include <thread>
#include <vector>

#include "tests/common/net/rig.h"

namespace fairlead::net {
namespace {

using namespace fairlead::net::test;

struct Rig {
  Worker worker;
  std::vector<NetworkEvent> events;
  NetworkWatch watch{worker.loop, worker.poller, [this](NetworkEvent event) { events.push_back(event); }};
};

TEST_CASE("clocks that go together say nothing, one that stood still says that the host slept") {
  Rig rig;
  TimePoint mono = monotonic_now();
  TimePoint boot = boottime_now();
  const auto pass = [&](Duration awake, Duration asleep) {
    mono += awake;
    boot += awake + asleep;
    rig.watch.look(mono, boot);
  };
  for (int i = 0; i < 5; ++i) pass(kSuspendCheck, 0s);
  pass(kSuspendAlarm, 0s);
  pass(kSuspendCheck, kSuspendJump - 1s);
  CHECK(rig.events.empty());
  pass(1s, kSuspendJump);
  CHECK(rig.events == std::vector{NetworkEvent::resumed});
  pass(kSuspendCheck, 0s);
  pass(0s, 8h);
  CHECK(rig.events.size() == 2);
}

TEST_CASE("a process that was stopped beyond its alarm says so, one that was busy does not") {
  Rig rig;
  TimePoint mono = monotonic_now();
  TimePoint boot = boottime_now();
  const auto pass = [&](Duration time) { rig.watch.look(mono += time, boot += time); };
  pass(kSuspendAlarm + kSuspendJump - 1s);
  CHECK(rig.events.empty());
  pass(kSuspendAlarm + kSuspendJump);
  CHECK(rig.events == std::vector{NetworkEvent::resumed});
}

// Sets the loopback interface of the calling thread's namespace up or down.
bool set_loopback(bool up) {
  const Fd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  request.ifr_flags = up ? IFF_UP : 0;
  return ::ioctl(fd.get(), SIOCSIFFLAGS, &request) == 0;
}

// In a network namespace of this thread; skipped where making one is not allowed.
TEST_CASE("a burst of changes is one event") {
  bool skipped = false;
  std::vector<NetworkEvent> events;
  std::thread([&skipped, &events] {
    if (::unshare(CLONE_NEWNET) != 0 && ::unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) {
      skipped = true;
      return;
    }
    Worker worker;
    const NetworkWatch watch(worker.loop, worker.poller, [&events](NetworkEvent event) { events.push_back(event); });
    worker.settle();
    CHECK(events.empty());
    for (int i = 0; i < 10; ++i) CHECK(set_loopback(i % 2 == 0));
    worker.settle();
    CHECK(events.empty());
    CHECK(worker.until([&events] { return !events.empty(); }, 5s));
    const TimePoint quiet = monotonic_now() + 2 * kNetworkQuiet;
    CHECK(worker.until([quiet] { return monotonic_now() > quiet; }));
    CHECK(events.size() == 1);
    CHECK(set_loopback(true));
    CHECK(worker.until([&events] { return events.size() == 2; }, 5s));
  }).join();
  if (skipped) MESSAGE("skipped: no network namespace can be made here");
  for (const NetworkEvent event : events) CHECK(event == NetworkEvent::changed);
}

TEST_CASE("changes that never pause are reported all the same") {
  std::vector<NetworkEvent> events;
  std::thread([&events] {
    if (::unshare(CLONE_NEWNET) != 0 && ::unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) {
      events.push_back(NetworkEvent::changed);
      return;
    }
    Worker worker;
    const NetworkWatch watch(worker.loop, worker.poller, [&events](NetworkEvent event) { events.push_back(event); });
    bool up = true;
    CHECK(worker.until(
        [&events, &up] {
          set_loopback(std::exchange(up, !up));
          return !events.empty();
        },
        kNetworkLatest + 3s));
  }).join();
  CHECK(events.size() == 1);
}

TEST_CASE("a watch that dies with a report under way says nothing") {
  Worker worker;
  auto watch = std::make_unique<NetworkWatch>(worker.loop, worker.poller, [](NetworkEvent) { FAIL("called"); });
  watch.reset();
  worker.settle();
}

}  // namespace
}  // namespace fairlead::net
