#include "common/net/signals.h"

#include <csignal>

#include "common/base/check.h"

namespace fairlead::net {

void ignore_sigpipe() {
  std::signal(SIGPIPE, SIG_IGN);
}

SignalWatcher::SignalWatcher(Loop& loop, int signal_number, std::function<void()> on_signal)
    : on_signal_(std::make_unique<std::function<void()>>(std::move(on_signal))), handle_(on_signal_.get()) {
  CHECK(uv_signal_init(loop.uv(), handle_.get()) == 0);
  CHECK(uv_signal_start(handle_.get(), on_uv_signal, signal_number) == 0);
  // One that was held back until now (process_start.h) comes at once.
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, signal_number);
  CHECK(::pthread_sigmask(SIG_UNBLOCK, &set, nullptr) == 0);
}

void SignalWatcher::on_uv_signal(uv_signal_t* handle, int /*signal_number*/) {
  if (handle->data != nullptr) (*static_cast<std::function<void()>*>(handle->data))();
}

}  // namespace fairlead::net
