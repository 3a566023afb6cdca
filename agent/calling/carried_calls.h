#pragma once
// The calls of local programs that are under way: each holds a place of CallTools::room, is counted and told to the log
// when it ends. Serves every way by which a local program calls.
//
// One loop; owned by whoever accepts. Its end resets what it carries.
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "agent/calling/call.h"

namespace fairlead::agent {

// Who calls, and by which way: for the log.
struct LocalCaller {
  std::string from;
  std::string_view way;  // "port", "socks5", "connect"
};

// Why a call failed, and when.
struct CallFailure {
  Error why;
  TimePoint at;
};

class CarriedCalls {
 public:
  // A call was taken, answered, or has ended; null: nobody asks.
  using OnChanged = std::function<void()>;

  CarriedCalls(const CallTools& tools, OnChanged on_changed);
  ~CarriedCalls();
  CarriedCalls(const CarriedCalls&) = delete;
  CarriedCalls& operator=(const CarriedCalls&) = delete;

  // `service` outlives the call. Where there is no place left the caller is told, or reset.
  void carry(CalledService& service, net::Fd fd, LocalCaller caller, CallWords words, const net::RelayLimits& limits);
  std::size_t size() const { return calls_.size(); }
  // Of the latest call whose service could not be reached; none once one was since.
  const std::optional<CallFailure>& failure() const { return failure_; }
  std::set<const CalledService*> services() const;  // that are called now

 private:
  struct Carried {
    std::unique_ptr<Call> call;
    CalledService* service;  // never null
    LocalCaller caller;
    RelayShare share;
  };

  void on_answered();
  void on_ended(Call& call, const CallEnd& how);
  void record(const std::string& service, const LocalCaller& caller, const CallEnd& how) const;

  const CallTools tools_;
  const OnChanged on_changed_;
  std::map<Call*, Carried> calls_;
  std::optional<CallFailure> failure_;
};

}  // namespace fairlead::agent
