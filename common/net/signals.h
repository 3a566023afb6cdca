#pragma once
// Unix signals as calls on a loop's thread; what main does about them before there is a loop is in process_start.h.
#include <functional>

#include "common/net/loop.h"

namespace fairlead::net {

void ignore_sigpipe();  // splice has no MSG_NOSIGNAL

class SignalWatcher {
 public:
  // On the loop's thread; unblocks the signal there.
  SignalWatcher(Loop& loop, int signal_number, std::function<void()> on_signal);

 private:
  static void on_uv_signal(uv_signal_t* handle, int signal_number);

  std::unique_ptr<std::function<void()>> on_signal_;  // its address is the handle's data: stable when moved
  Handle<uv_signal_t> handle_;
};

}  // namespace fairlead::net
