#pragma once
// Starting a thread, which a process may be refused (limits of tasks, memory): an error, not an exception that nobody
// catches. Any thread.
#include <functional>
#include <thread>

#include "common/base/result.h"

namespace fairlead::net {

// io_failed.
Result<std::thread> start_thread(std::function<void()> body);

}  // namespace fairlead::net
