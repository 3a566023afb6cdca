#pragma once
// A local port whose connections are carried to one service: that of `connect`,
// or one of [[egress]]. Who finds no place is reset. What is beyond the most at
// a time waits in the kernel's queue until one has ended.
//
//   listening --close(), release_socket()--> closed: what is carried goes on to
//   its end
//
// One loop; dies before the service that it calls. Its end resets what it
// carries, and removes its unix socket.
#include <memory>
#include <string>

#include "agent/calling/carried_calls.h"
#include "agent/calling/local_port.h"

namespace fairlead::agent {

struct CallLimits {
  std::size_t at_a_time = 1024;
  net::RelayLimits relay;
};

class CallListener;

class CallListenerOwner {
 public:
  virtual ~CallListenerOwner() = default;
  // One was taken or has ended. It may be retired, not destroyed.
  virtual void on_calls_changed(CallListener& listener) = 0;
};

class CallListener {
 public:
  // LocalPort::listen, with a listener around it that tells nobody.
  static Result<std::unique_ptr<CallListener>> open(const CallTools& tools, CalledService& service,
                                                    const ListenAddress& address, const CallLimits& limits);
  // Owner: null where nobody is to be told.
  CallListener(const CallTools& tools, CalledService& service, const ListenAddress& address, const CallLimits& limits,
               net::Fd fd, CallListenerOwner* owner);

  // As to be dialled: with the port that was free.
  std::string address() const { return port_.address(); }
  std::size_t calls() const { return calls_.size(); }
  const std::optional<CallFailure>& failure() const { return calls_.failure(); }
  void set_limits(const CallLimits& limits) { limits_ = limits; }  // for new connections
  // No more are taken.
  void close() { port_.close(); }
  // The same, for another one that goes on listening.
  net::Fd release_socket() { return port_.release_socket(); }

 private:
  void on_changed();
  void take(net::Fd fd, std::string from);

  const CallTools tools_;
  CalledService& service_;
  CallLimits limits_;
  CallListenerOwner* const owner_;
  bool was_full_ = false;
  CarriedCalls calls_;
  LocalPort port_;
};

}  // namespace fairlead::agent
