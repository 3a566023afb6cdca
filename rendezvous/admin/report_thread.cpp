#include "rendezvous/admin/report_thread.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/net/thread.h"

namespace fairlead::rendezvous {
namespace {
constexpr int kNice = 10;  // behind handshakes
}  // namespace

ReportThread::~ReportThread() {
  join();
}

Result<void> ReportThread::start() {
  auto thread = net::start_thread([this] {
    // Linux: setpriority on a thread id changes that thread alone. Failure costs fairness, nothing else.
    setpriority(PRIO_PROCESS, static_cast<id_t>(::syscall(SYS_gettid)), kNice);
    loop_.run();
  });
  if (!thread) return tl::unexpected(thread.error());
  thread_ = std::move(*thread);
  return {};
}

void ReportThread::join() {
  if (!thread_.joinable()) return;
  loop_.post([this] { loop_.stop(); });
  thread_.join();
}

void ReportThread::make(Work work, net::ControlServer::Answer done) {
  loop_.post([this, work = std::move(work), done = std::move(done)]() mutable {
    home_.post([reply = work(), done = std::move(done)]() mutable { done(std::move(reply)); });
  });
}

}  // namespace fairlead::rendezvous
