#pragma once
// `connect --stdio`: one call whose local program is at standard input and output, as ssh's ProxyCommand wants it.
//
//   start() --> the call has ended, then everything for `out` was written --> told
//
// One loop; owned by a command.
#include <memory>
#include <optional>

#include "agent/calling/call.h"
#include "agent/calling/stdio_pumps.h"

namespace fairlead::agent {

class StdioCall {
 public:
  using OnDone = std::function<void(const CallEnd&)>;  // once; the last thing that it does

  StdioCall(const CallTools& tools, CalledService& service, const net::RelayLimits& limits, OnDone on_done);

  // Once. io_failed: nothing was begun.
  Result<void> start(int in, int out);

 private:
  void look_whether_done();

  const CallTools tools_;
  CalledService& service_;
  const net::RelayLimits limits_;
  OnDone on_done_;
  bool written_ = false;
  std::optional<CallEnd> end_;
  std::unique_ptr<StdioPumps> pumps_;
  std::unique_ptr<Call> call_;
  core::TimerEntry last_words_;
};

}  // namespace fairlead::agent
