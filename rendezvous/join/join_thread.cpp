#include "rendezvous/join/join_thread.h"

#include "common/net/thread.h"

namespace fairlead::rendezvous {
namespace {
// Some seconds of work: who comes later is better told to come again.
constexpr std::size_t kMostWaiting = 1024;
constexpr std::chrono::seconds kBusyRetry = 10s;
}  // namespace

JoinThread::JoinThread(std::unique_ptr<Joining> joining)
    : joining_(std::move(joining)), signs_(joining_->signs()), waiting_(kMostWaiting) {}

JoinThread::~JoinThread() {
  join();
}

Result<void> JoinThread::start() {
  auto thread = net::start_thread([this] { loop_.run(); });
  if (!thread) return tl::unexpected(thread.error());
  thread_ = std::move(*thread);
  return {};
}

void JoinThread::join() {
  if (!thread_.joinable()) return;
  loop_.post([this] { loop_.stop(); });
  thread_.join();
}

void JoinThread::post_join(wire::JoinQuestion question, SocketAddress peer,
                           std::function<void(wire::JoinAnswer)> done) {
  auto place = waiting_.take();
  if (!place) return done(wire::JoinRefused{std::string(reason_code(Reason::join_busy)), ""});
  loop_.post([this, question = std::move(question), peer, done = std::move(done), place = std::move(*place)] {
    done(joining_->answer(question, peer, net::wall_now()));
  });
}

void JoinThread::post_renewal(RenewalRequest request, SocketAddress peer, std::function<void(wire::Renewed)> done) {
  auto place = waiting_.take();
  if (!place) return done(wire::renewal_refused(Reason::join_busy, kBusyRetry));
  loop_.post([this, request = std::move(request), peer, done = std::move(done), place = std::move(*place)] {
    done(joining_->answer(request, peer, net::wall_now()));
  });
}

void JoinThread::post_revoked(std::function<void(Result<std::vector<std::string>>)> done) {
  loop_.post([this, done = std::move(done)] { done(joining_->revoked()); });
}

void JoinThread::replace(JoinFacts facts) {
  loop_.post([this, facts = std::move(facts)]() mutable { joining_->replace(std::move(facts)); });
}

}  // namespace fairlead::rendezvous
