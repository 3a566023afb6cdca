#pragma once
// One line for each finished connection ([log] access): all, failures only, or none; at most kLinesPerSecond for one
// reason, with the number of those left out in the next line. Any thread.
#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

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
  static constexpr std::uint32_t kLinesPerSecond = 10;

  explicit AccessLines(Mode mode);
  void set_mode(Mode mode) { mode_.store(mode, std::memory_order_relaxed); }
  // Whether a line of this reason would be written: ask before putting a record together.
  bool wants(Reason reason) const;
  void write(const AccessRecord& record, TimePoint now);

 private:
  struct Rate {
    std::atomic<std::int64_t> second{-1};
    std::atomic<std::uint32_t> lines{0};
    std::atomic<std::uint64_t> left_out{0};
  };

  std::atomic<Mode> mode_;
  std::vector<Rate> rates_;  // by reason
};

}  // namespace fairlead::rendezvous
