#pragma once
// The sockets of one loop: a private edge-triggered epoll set, in which the loop sleeps; libuv's own set is one
// descriptor in it. libuv handles cannot own these descriptors: uv_tcp cannot give one up to another thread, uv_poll
// turns a reset into an error before the bytes in front of it were read, and level triggering spins on half-closed
// sockets.
//
// Edge triggering: a target reads and writes until EAGAIN, or, when its byte budget of this turn is used up, asks to be
// called again through run_again(): once more after the others that are ready now, then in later turns. After
// PolledFd::retarget the new target assumes that everything may be ready.
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "common/net/fd.h"
#include "common/net/loop.h"

struct epoll_event;

namespace fairlead::net {

struct Readiness {
  bool readable = false;  // bytes, end of stream or an error: a read will tell
  bool writable = false;
  bool hung_up = false;  // EPOLLHUP or EPOLLERR
  bool failed = false;   // EPOLLERR: SO_ERROR says why
};

class PollTarget {
 public:
  virtual ~PollTarget() = default;
  virtual void on_ready(Readiness ready) = 0;
};

class Poller;

// A descriptor in a Poller's set; owns both. Destroying it closes the descriptor and silences the target.
class PolledFd {
 public:
  PolledFd() = default;
  PolledFd(Poller& poller, Fd fd, PollTarget& target);
  PolledFd(PolledFd&& other) noexcept;
  PolledFd& operator=(PolledFd&& other) noexcept;
  ~PolledFd();

  int get() const { return fd_.get(); }
  bool valid() const { return fd_.valid(); }
  void retarget(PollTarget& target);
  // Calls the target once more when the others have had their turn, as if everything had become ready.
  void run_again();
  // Takes the descriptor out of the set, to be used elsewhere (another thread).
  Fd release();
  void reset();

 private:
  Poller* poller_ = nullptr;
  Fd fd_;
  std::uint32_t slot_ = 0;
};

class Poller final : public Waiter {
 public:
  explicit Poller(Loop& loop);
  ~Poller() override;
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;

  Loop& loop() { return loop_; }
  // Much was moved in this turn: before the next one, those who send it and those who take it may run on our processor.
  void give_way() { giving_way_ = true; }

 private:
  friend class PolledFd;
  struct Slot {
    PollTarget* target = nullptr;
    std::uint32_t generation = 0;  // a stale event of a slot's former user is recognised by it
    bool queued = false;
  };

  std::uint32_t take_slot(PollTarget& target);
  void free_slot(std::uint32_t slot);
  std::uint64_t tag(std::uint32_t slot) const;
  void queue(std::uint32_t slot);
  void wait(int at_most) override;
  void dispatch(std::span<const epoll_event> events);
  void run_ready();

  Loop& loop_;
  Fd epoll_;
  std::vector<Slot> slots_;
  std::vector<std::uint32_t> free_;
  bool giving_way_ = false;
  std::vector<std::uint64_t> ready_;  // tags that asked to run again: the loop must not sleep while there are some
};

}  // namespace fairlead::net
