#include "common/net/process_start.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>

#include "common/net/signals.h"

namespace fairlead::net {
namespace {

void change_hangup(int how) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGHUP);
  ::pthread_sigmask(how, &set, nullptr);
}

// open(2) gives the lowest free number: the loop ends with all three taken.
void fill_standard_descriptors() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    if (::fcntl(fd, F_GETFD) >= 0 || errno != EBADF) continue;
    if (::open("/dev/null", O_RDWR) != fd) std::_Exit(1);  // nothing to complain to
  }
}

}  // namespace

void begin_process() {
  change_hangup(SIG_BLOCK);
  ignore_sigpipe();
  fill_standard_descriptors();
}

void release_hangup() {
  change_hangup(SIG_UNBLOCK);
}

}  // namespace fairlead::net
