#pragma once
// The local port or unix socket of `connect`: each connection that comes is carried to the service. What is beyond the
// most at a time waits in the kernel's queue until one has ended.
//
// One loop; owned by a command, dies before the loop. Its end resets what it carries, and removes its unix socket.
#include <map>
#include <memory>
#include <string>

#include "agent/calling/call.h"
#include "agent/setting/listen_address.h"

namespace fairlead::agent {

struct CallLimits {
  std::size_t at_a_time = 1024;
  net::RelayLimits relay;
};

class CallListener final : private net::PollTarget {
 public:
  // address_in_use, address_missing or io_failed. `service` outlives it.
  static Result<std::unique_ptr<CallListener>> open(const CallTools& tools, CalledService& service,
                                                    const ListenAddress& address, const CallLimits& limits);
  ~CallListener() override;
  CallListener(const CallListener&) = delete;
  CallListener& operator=(const CallListener&) = delete;

  // As to be dialled: with the port that was free.
  std::string address() const { return to_string(address_); }
  std::size_t calls() const { return calls_.size(); }

 private:
  CallListener(const CallTools& tools, CalledService& service, ListenAddress address, const CallLimits& limits,
               net::Fd fd);

  void on_ready(net::Readiness ready) override;
  void accept_some();
  void carry(net::AcceptedSocket accepted);
  void on_ended(Call& call, const CallEnd& how);

  const CallTools tools_;
  CalledService& service_;
  const ListenAddress address_;
  const CallLimits limits_;
  net::PolledFd fd_;
  std::map<Call*, std::unique_ptr<Call>> calls_;
  core::TimerEntry resume_;  // after a failed accept
};

}  // namespace fairlead::agent
