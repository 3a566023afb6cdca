#include "common/net/poller.h"

#include <sched.h>
#include <sys/epoll.h>

#include <array>

#include "common/base/check.h"

namespace fairlead::net {
namespace {
constexpr int kEventsPerTurn = 256;
constexpr std::uint64_t kLibuv = ~std::uint64_t{0};  // no slot's tag
}  // namespace

PolledFd::PolledFd(Poller& poller, Fd fd, PollTarget& target)
    : poller_(&poller), fd_(std::move(fd)), slot_(poller.take_slot(target)) {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.u64 = poller.tag(slot_);
  CHECK(epoll_ctl(poller.epoll_.get(), EPOLL_CTL_ADD, fd_.get(), &event) == 0);
}

PolledFd::PolledFd(PolledFd&& other) noexcept
    : poller_(std::exchange(other.poller_, nullptr)), fd_(std::move(other.fd_)), slot_(other.slot_) {}

PolledFd& PolledFd::operator=(PolledFd&& other) noexcept {
  std::swap(poller_, other.poller_);
  std::swap(fd_, other.fd_);
  std::swap(slot_, other.slot_);
  return *this;
}

PolledFd::~PolledFd() {
  reset();
}

void PolledFd::reset() {
  if (poller_ != nullptr) std::exchange(poller_, nullptr)->free_slot(slot_);
  fd_.reset();  // closing takes it out of the epoll set: the descriptor was never duplicated
}

void PolledFd::retarget(PollTarget& target) {
  poller_->slots_[slot_].target = &target;
}

void PolledFd::run_again() {
  poller_->queue(slot_);
}

Fd PolledFd::release() {
  CHECK(epoll_ctl(poller_->epoll_.get(), EPOLL_CTL_DEL, fd_.get(), nullptr) == 0);
  std::exchange(poller_, nullptr)->free_slot(slot_);
  return std::move(fd_);
}

Poller::Poller(Loop& loop) : loop_(loop), epoll_(epoll_create1(EPOLL_CLOEXEC)) {
  CHECK(epoll_.valid());
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = kLibuv;
  CHECK(epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, loop.backend_fd(), &event) == 0);
  loop.sleep_in(this);
}

Poller::~Poller() {
  CHECK(free_.size() == slots_.size());  // every PolledFd is gone
  loop_.sleep_in(nullptr);
}

std::uint32_t Poller::take_slot(PollTarget& target) {
  loop_.check_here();
  if (free_.empty()) {
    free_.push_back(static_cast<std::uint32_t>(slots_.size()));
    slots_.emplace_back();
  }
  const std::uint32_t slot = free_.back();
  free_.pop_back();
  slots_[slot].target = &target;
  slots_[slot].queued = false;
  return slot;
}

void Poller::free_slot(std::uint32_t slot) {
  loop_.check_here();
  slots_[slot].target = nullptr;
  ++slots_[slot].generation;
  free_.push_back(slot);
}

std::uint64_t Poller::tag(std::uint32_t slot) const {
  return std::uint64_t{slots_[slot].generation} << 32 | slot;
}

void Poller::queue(std::uint32_t slot) {
  loop_.check_here();
  if (slots_[slot].queued) return;
  slots_[slot].queued = true;
  ready_.push_back(tag(slot));
}

void Poller::wait(int at_most) {
  if (std::exchange(giving_way_, false)) sched_yield();
  std::array<epoll_event, kEventsPerTurn> events;
  const int count = epoll_wait(epoll_.get(), events.data(), kEventsPerTurn, ready_.empty() ? at_most : 0);
  loop_.awake();
  if (count > 0) dispatch({events.data(), static_cast<std::size_t>(count)});
  // Everybody who had news has had a turn: what they asked for needs no turn of the loop of its own.
  if (!ready_.empty()) run_ready();
}

void Poller::dispatch(std::span<const epoll_event> events) {
  for (const epoll_event& event : events) {
    if (event.data.u64 == kLibuv) continue;  // its turn is next
    const auto slot = static_cast<std::uint32_t>(event.data.u64);
    if (event.data.u64 != tag(slot)) continue;  // its owner died earlier in this batch
    const std::uint32_t bits = event.events;
    slots_[slot].target->on_ready({.readable = (bits & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0,
                                   .writable = (bits & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0,
                                   .hung_up = (bits & (EPOLLHUP | EPOLLERR)) != 0,
                                   .failed = (bits & EPOLLERR) != 0});
  }
}

void Poller::run_ready() {
  std::vector<std::uint64_t> turn;
  turn.swap(ready_);
  for (const std::uint64_t each : turn) {
    const auto slot = static_cast<std::uint32_t>(each);
    if (each != tag(slot)) continue;
    slots_[slot].queued = false;
    slots_[slot].target->on_ready({.readable = true, .writable = true});
  }
}

}  // namespace fairlead::net
