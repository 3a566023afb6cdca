#pragma once
// One run of the UPnP helper: a process that gets a text on its stdin and whose stdout is read to the end. Serves the
// UPnP client, which owns it; one loop. Destruction kills and reaps the process.
#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>

#include "common/base/result.h"
#include "common/net/poller.h"

namespace fairlead::agent::nat {

class HelperProcess final : private net::PollTarget {
 public:
  // Everything that it wrote, or empty when it wrote more than kMaxUpnpMessage. The last statement of what calls it:
  // it may destroy this object.
  using OnEnd = std::function<void(std::string output)>;

  static Result<std::unique_ptr<HelperProcess>> start(net::Poller& poller, const std::string& path,
                                                      const std::string& input, OnEnd on_end);
  ~HelperProcess() override;
  // on_end will not be called any more.
  void silence() { socket_.reset(); }

 private:
  HelperProcess(net::Poller& poller, pid_t pid, net::Fd socket, OnEnd on_end);
  void on_ready(net::Readiness ready) override;

  pid_t pid_;
  std::string output_;
  OnEnd on_end_;
  net::PolledFd socket_;
};

}  // namespace fairlead::agent::nat
