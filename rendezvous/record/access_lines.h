#pragma once
// One line for each finished connection ([log] access): failures only, limited as all lines with a reason are
// (common/base/log.h); all, without a limit but that of the queue; or none. Any thread.
#include <atomic>
#include <cstdint>
#include <string>

#include "common/base/ip.h"
#include "common/base/reason.h"
#include "common/base/time.h"
#include "rendezvous/setting/config.h"

namespace fairlead::rendezvous {

struct AccessRecord {
  Reason reason = Reason::completed;
  std::string conn;  // hex of the connection id; empty before there is one
  std::string peer;
  std::string service;
  std::string endpoint;
  std::string agent;
  std::string detail;
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  Duration lasted{};
};

class AccessLines {
 public:
  using Mode = AccessLog;  // the configuration's enum

  explicit AccessLines(Mode mode) : mode_(mode) {}
  void set_mode(Mode mode) { mode_.store(mode, std::memory_order_relaxed); }
  // Whether a line of this reason would be written: ask before putting a record together.
  bool wants(Reason reason) const;
  bool on() const { return mode_.load(std::memory_order_relaxed) != Mode::off; }
  void write(const AccessRecord& record) const;

 private:
  std::atomic<Mode> mode_;
};

}  // namespace fairlead::rendezvous
