#pragma once
// Unix signals as calls on a loop's thread. SIGPIPE is ignored by ignore_sigpipe(), the first thing main does: splice
// has no MSG_NOSIGNAL.
#include <functional>

#include "common/net/loop.h"

namespace fairlead::net {

void ignore_sigpipe();

class SignalWatcher {
 public:
  SignalWatcher(Loop& loop, int signal_number, std::function<void()> on_signal);

 private:
  static void on_uv_signal(uv_signal_t* handle, int signal_number);

  std::unique_ptr<std::function<void()>> on_signal_;  // its address is the handle's data: stable when moved
  Handle<uv_signal_t> handle_;
};

}  // namespace fairlead::net
