#include "common/net/thread.h"

#include <system_error>

namespace fairlead::net {

Result<std::thread> start_thread(std::function<void()> body) {
  try {
    return std::thread(std::move(body));
  } catch (const std::system_error& error) {  // the standard library has no other way to say it
    return fail(Reason::io_failed, std::string("cannot start a thread: ") + error.code().message());
  }
}

}  // namespace fairlead::net
