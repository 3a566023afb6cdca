#pragma once
// One libuv loop and the thread that runs it. Everything on a loop belongs to that thread; the only thing another
// thread may call is post(). Before its first turn and after run() a loop has no thread: whoever builds or buries what
// lives on it may call. Time is fixed for one iteration. All deadlines of a loop share one uv_timer through
// core::TimerQueue, so a connection's timer costs no handle and no allocation.
#include <uv.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "common/base/task.h"
#include "common/base/time.h"
#include "common/core/timer_queue.h"
#include "common/net/handle.h"

namespace fairlead::net {

// What a loop sleeps in instead of libuv: a set of descriptors, of which the loop's backend_fd() is one.
class Waiter {
 public:
  virtual ~Waiter() = default;
  // Sleeps until something is ready, at most that many milliseconds (-1: without end); calls loop.awake(), then serves
  // it.
  virtual void wait(int at_most) = 0;
};

class Loop {
 public:
  Loop();
  // Everything that lives on the loop must be gone; runs the close callbacks and CHECKs that none is left.
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  enum class Turn { sleep, glance };  // when nothing is ready: sleep until something is, or return
  void turn(Turn how);
  void run();   // turns until stop(); the calling thread becomes the loop's thread
  void stop();  // from a callback of this loop; elsewhere: post([&] { loop.stop(); })

  TimePoint now() const;
  core::TimerQueue& timers() {
    check_here();
    return timers_;
  }
  uv_loop_t* uv() { return &loop_; }

  // At most one, which outlives its use; null: none any more.
  void sleep_in(Waiter* waiter);
  int backend_fd() const { return uv_backend_fd(&loop_); }  // readable: libuv has something to do
  void awake() { uv_update_time(&loop_); }

  // Any thread. Tasks run in order on the loop's thread; those that are still queued when the loop dies are destroyed.
  void post(Task task);

  // Deletes an object after the callbacks that are now running have returned. [Envoy: deferred delete]
  template <class T>
  void retire(std::unique_ptr<T> object) {
    check_here();
    retired_.emplace_back(object.release(), [](void* dead) { delete static_cast<T*>(dead); });
  }

  // CHECKs that the caller is on the loop's thread. What belongs to a loop calls it where others come in.
  void check_here() const;

 private:
  using Retired = std::unique_ptr<void, void (*)(void*)>;

  static void on_async(uv_async_t* handle);
  static void on_prepare(uv_prepare_t* handle);
  static void on_check(uv_check_t* handle);
  static void on_timer(uv_timer_t* handle);
  void run_posted();
  void run_due_timers();
  void arm_timer();
  void bury();

  uv_loop_t loop_{};
  Waiter* waiter_ = nullptr;
  bool stopping_ = false;
  std::atomic<std::thread::id> thread_;  // none: nobody's yet, or nobody's any more
  core::TimerQueue timers_;
  std::optional<TimePoint> armed_for_;  // what libuv's timer stands for while it is active
  std::vector<Retired> retired_;
  std::mutex posted_mutex_;
  std::vector<Task> posted_;
  std::optional<Handle<uv_async_t>> async_;  // none once the loop is being torn down
  std::optional<Handle<uv_prepare_t>> prepare_;
  std::optional<Handle<uv_check_t>> check_;
  std::optional<Handle<uv_timer_t>> timer_;
};

// CLOCK_MONOTONIC now, for the few places that measure within one loop iteration.
TimePoint monotonic_now();
// CLOCK_BOOTTIME: counts suspend; the difference to monotonic_now() grows when the host slept.
TimePoint boottime_now();
WallTime wall_now();

}  // namespace fairlead::net
