#pragma once
// A local port or unix socket whose connections are carried to one service: that of `connect`, or one of [[egress]].
// Each takes a place of CallTools::room; who finds none is reset. What is beyond the most at a time waits in the
// kernel's queue until one has ended.
//
//   listening --close(), release_socket()--> closed: what is carried goes on to its end
//
// One loop; dies before the service that it calls. Its end resets what it carries, and removes its unix socket.
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

class CallListener;

class CallListenerOwner {
 public:
  virtual ~CallListenerOwner() = default;
  // One was taken or has ended. It may be retired, not destroyed.
  virtual void on_calls_changed(CallListener& listener) = 0;
};

class CallListener final : private net::PollTarget {
 public:
  // A socket that listens at this address; address_in_use, address_missing or io_failed.
  static Result<net::Fd> listen(const ListenAddress& address);
  // The same, with a listener around it. Owner: null where nobody is to be told.
  static Result<std::unique_ptr<CallListener>> open(const CallTools& tools, CalledService& service,
                                                    const ListenAddress& address, const CallLimits& limits);
  CallListener(const CallTools& tools, CalledService& service, const ListenAddress& address, const CallLimits& limits,
               net::Fd fd, CallListenerOwner* owner);
  ~CallListener() override;
  CallListener(const CallListener&) = delete;
  CallListener& operator=(const CallListener&) = delete;

  // As to be dialled: with the port that was free.
  std::string address() const { return to_string(address_); }
  std::size_t calls() const { return calls_.size(); }
  void set_limits(const CallLimits& limits) { limits_ = limits; }  // for new connections
  // No more are taken.
  void close();
  // The same, for another one that goes on listening.
  net::Fd release_socket();

 private:
  struct Carried {
    std::unique_ptr<Call> call;
    RelayShare share;
    std::string caller;
  };

  void on_ready(net::Readiness ready) override;
  void accept_some();
  void carry(net::AcceptedSocket accepted);
  void on_ended(Call& call, const CallEnd& how);
  void tell_changed();
  void record(const std::string& caller, const CallEnd& how) const;

  const CallTools tools_;
  CalledService& service_;
  const ListenAddress address_;
  CallLimits limits_;
  CallListenerOwner* const owner_;
  net::PolledFd fd_;  // invalid once closed
  std::map<Call*, Carried> calls_;
  core::TimerEntry resume_;  // after a failed accept
};

}  // namespace fairlead::agent
