#include "common/net/loop.h"

#include <ctime>

#include "common/base/check.h"

namespace fairlead::net {
namespace {

TimePoint read_clock(clockid_t clock) {
  timespec time{};
  CHECK(clock_gettime(clock, &time) == 0);
  return TimePoint(std::chrono::seconds(time.tv_sec) +
                   std::chrono::duration_cast<Duration>(std::chrono::nanoseconds(time.tv_nsec)));
}

}  // namespace

TimePoint monotonic_now() {
  return read_clock(CLOCK_MONOTONIC);
}

TimePoint boottime_now() {
  return read_clock(CLOCK_BOOTTIME);
}

WallTime wall_now() {
  return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
}

Loop::Loop() {
  CHECK(uv_loop_init(&loop_) == 0);
  async_.emplace(this);
  CHECK(uv_async_init(&loop_, async_->get(), on_async) == 0);
  prepare_.emplace(this);
  CHECK(uv_prepare_init(&loop_, prepare_->get()) == 0);
  CHECK(uv_prepare_start(prepare_->get(), on_prepare) == 0);
  check_.emplace(this);
  CHECK(uv_check_init(&loop_, check_->get()) == 0);
  CHECK(uv_check_start(check_->get(), on_check) == 0);
  timer_.emplace(this);
  CHECK(uv_timer_init(&loop_, timer_->get()) == 0);
}

Loop::~Loop() {
  bury();
  posted_.clear();
  timer_.reset();
  check_.reset();
  prepare_.reset();
  async_.reset();
  uv_run(&loop_, UV_RUN_DEFAULT);
  CHECK(uv_loop_close(&loop_) == 0);
}

void Loop::run() {
  thread_ = std::this_thread::get_id();
  while (!stopping_) turn(Turn::sleep);
  stopping_ = false;
  bury();
  thread_ = std::thread::id();
}

void Loop::turn(Turn how) {
  if (thread_.load(std::memory_order_relaxed) == std::thread::id()) thread_ = std::this_thread::get_id();
  check_here();
  if (waiter_ == nullptr) {
    uv_run(&loop_, how == Turn::sleep ? UV_RUN_ONCE : UV_RUN_NOWAIT);
    return;
  }
  uv_run(&loop_, UV_RUN_NOWAIT);
  if (stopping_) return;
  bury();
  arm_timer();  // what libuv's callbacks have added counts for the time-out
  waiter_->wait(how == Turn::sleep ? uv_backend_timeout(&loop_) : 0);
  bury();
}

void Loop::stop() {
  stopping_ = true;
}

void Loop::sleep_in(Waiter* waiter) {
  CHECK(waiter == nullptr || waiter_ == nullptr);
  waiter_ = waiter;
}

TimePoint Loop::now() const {
  return TimePoint(std::chrono::milliseconds(uv_now(&loop_)));
}

void Loop::post(Task task) {
  const std::lock_guard lock(posted_mutex_);
  posted_.push_back(std::move(task));
  if (posted_.size() == 1) uv_async_send(async_->get());
}

void Loop::check_here() const {
  const std::thread::id owner = thread_.load(std::memory_order_relaxed);
  CHECK(owner == std::thread::id() || owner == std::this_thread::get_id());
}

void Loop::on_async(uv_async_t* handle) {
  if (handle->data != nullptr) static_cast<Loop*>(handle->data)->run_posted();
}

void Loop::on_prepare(uv_prepare_t* handle) {
  if (handle->data == nullptr) return;
  auto* self = static_cast<Loop*>(handle->data);
  self->bury();
  self->arm_timer();
}

void Loop::on_check(uv_check_t* handle) {
  if (handle->data != nullptr) static_cast<Loop*>(handle->data)->bury();
}

void Loop::on_timer(uv_timer_t* handle) {
  if (handle->data != nullptr) static_cast<Loop*>(handle->data)->run_due_timers();
}

void Loop::run_posted() {
  std::vector<Task> tasks;
  {
    const std::lock_guard lock(posted_mutex_);
    tasks.swap(posted_);
  }
  for (Task& task : tasks) task();
}

// libuv asks for its poll time-out right after the prepare handles ran: arming here is never late.
void Loop::arm_timer() {
  const auto next = timers_.next();
  if (next == armed_for_ && (!next || uv_is_active(reinterpret_cast<const uv_handle_t*>(timer_->get())) != 0)) return;
  armed_for_ = next;
  if (!next) {
    uv_timer_stop(timer_->get());
    return;
  }
  const auto wait = std::chrono::ceil<std::chrono::milliseconds>(*next - now()).count();
  uv_timer_start(timer_->get(), on_timer, wait > 0 ? static_cast<std::uint64_t>(wait) : 0, 0);
}

// What is armed meanwhile waits for the next turn, however early it is due: whoever is always due again would keep
// sockets, and everybody else, from ever being served.
void Loop::run_due_timers() {
  const TimePoint until = now();
  core::TimerQueue due;
  TimePoint place{};  // keeps their order
  while (core::TimerEntry* entry = timers_.take_due(until)) due.arm(*entry, place += Duration(1));
  while (core::TimerEntry* entry = due.take_due(place)) entry->fire();
}

void Loop::bury() {
  while (!retired_.empty()) {
    std::vector<Retired> dead;
    dead.swap(retired_);  // a destructor may retire more
  }
}

}  // namespace fairlead::net
