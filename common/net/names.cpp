#include "common/net/names.h"

#include <netdb.h>
#include <pthread.h>

#include <algorithm>
#include <csignal>

#include "common/net/resolver.h"

namespace fairlead::net {

// Where a thread leaves its answer.
struct Names::Board {
  std::mutex mutex;
  Names* names = nullptr;  // null: nobody waits any more
  LookUp look_up;
};

namespace {

constexpr std::size_t kStackSize = 512 * 1024;  // name service modules are other people's code

struct Job {
  std::function<void()> run;
};

void* run_job(void* job) {
  const std::unique_ptr<Job> mine(static_cast<Job*>(job));
  mine->run();
  return nullptr;
}

// False: there is no thread to be had.
bool start_detached(std::function<void()> run) {
  auto job = std::make_unique<Job>(std::move(run));
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize(&attributes, kStackSize);
  pthread_t thread;
  pthread_sigmask(SIG_BLOCK, &all, &before);  // signals are the loop's
  const bool started = pthread_create(&thread, &attributes, run_job, job.get()) == 0;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_attr_destroy(&attributes);
  if (started) static_cast<void>(job.release());
  return started;
}

}  // namespace

core::NameAnswer look_up_host(const std::string& host) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  const int failed = ::getaddrinfo(host.c_str(), nullptr, &hints, &list);
  core::NameAnswer answer;
  if (failed != 0) {
    answer.failure = ::gai_strerror(failed);
    answer.gone = failed == EAI_NONAME;
    return answer;
  }
  for (const addrinfo* each = list; each != nullptr; each = each->ai_next) {
    const auto address = SocketAddress::from_sockaddr(each->ai_addr);
    if (!address || std::ranges::find(answer.addresses, address->ip) != answer.addresses.end()) continue;
    answer.addresses.push_back(address->ip);
  }
  ::freeaddrinfo(list);
  if (answer.addresses.empty()) answer.failure = "no address";
  return answer;
}

Names::Names(Loop& loop, LookUp look_up) : loop_(loop), board_(std::make_shared<Board>()) {
  board_->names = this;
  board_->look_up = std::move(look_up);
}

Names::~Names() {
  const std::lock_guard lock(board_->mutex);
  board_->names = nullptr;
  for (auto& [host, question] : asked_) {
    for (Resolver* asker : question.askers) asker->abandoned();
  }
}

std::optional<core::NameAnswer> Names::ask(const std::string& host, Resolver& asker) {
  if (auto known = cache_.fresh(host, loop_.now())) return known;
  const bool under_way = asked_.contains(host);
  asked_[host].askers.push_back(&asker);
  if (!under_way) {
    queue_.push_back(host);
    begin_next();
  }
  return std::nullopt;
}

// The lookup goes on: its answer is worth keeping.
void Names::forget(const std::string& host, Resolver& asker) {
  std::erase(asked_[host].askers, &asker);
}

void Names::network_changed() {
  cache_.network_changed();
  for (auto& [host, question] : asked_) begin_anew(host, question);
}

// The old thread's place goes to the new one.
void Names::begin_anew(const std::string& host, Question& question) {
  if (question.number == 0 || question.before != 0 || stale_ >= kMostStale) return;
  question.before = question.number;
  ++stale_;
  --running_;
  begin(host);
}

void Names::begin_next() {
  while (!queue_.empty() && running_ < kMostLookups) {
    const std::string host = std::move(queue_.front());
    queue_.pop_front();
    begin(host);
  }
}

void Names::begin(const std::string& host) {
  ++running_;
  const std::uint64_t number = asked_[host].number = ++last_number_;
  const auto tell = [board = board_, loop = &loop_, host, number](core::NameAnswer answer) {
    const std::lock_guard lock(board->mutex);
    if (board->names == nullptr) return;  // and the loop may be gone
    loop->post([board, host, number, answer = std::move(answer)]() mutable {
      if (board->names != nullptr) board->names->on_answer(host, number, std::move(answer));
    });
  };
  if (start_detached([board = board_, host, tell] { tell(board->look_up(host)); })) return;
  tell({.addresses = {}, .failure = "no thread could be started", .gone = false});
}

void Names::on_answer(const std::string& host, std::uint64_t number, core::NameAnswer answer) {
  const auto at = asked_.find(host);
  const bool counts = at != asked_.end() && at->second.number == number;
  --(counts ? running_ : stale_);
  if (!counts && at != asked_.end() && at->second.before == number) at->second.before = 0;
  if (counts) {
    const TimePoint now = loop_.now();
    cache_.learned(host, std::move(answer), now);
    const core::NameAnswer told = *cache_.fresh(host, now);
    for (Resolver* asker : at->second.askers) asker->found(told);
    asked_.erase(at);
  }
  begin_next();
}

}  // namespace fairlead::net
