#pragma once
// How the targets of our services have answered: the latest outcome, since when, and how often each kind came lately.
// What `status` and its problems say of a target that is down. Pure, time as an argument; one loop; owned by
// AgentTools.
#include <array>
#include <map>
#include <optional>
#include <string>

#include "common/base/reason.h"
#include "common/base/time.h"

namespace fairlead::agent {

struct TargetState {
  std::optional<Reason> failing;  // empty: the latest connection went well
  std::string detail;             // of the failure
  TimePoint since{};              // the first of the latest outcomes that were alike (all well, or all failed)
  TimePoint latest{};
  // Within TargetHealth::kWindow:
  std::uint64_t served = 0;
  std::uint64_t refused = 0;  // by the target, before or after it took the connection, or it did not speak TLS
  std::uint64_t silent = 0;   // did not answer in time, or could not be reached
};

class TargetHealth {
 public:
  static constexpr Duration kWindow = 10min;

  // Whether a reason says something about the target; all others are left out.
  static bool concerns_target(Reason reason);

  void served(const std::string& service, TimePoint now);
  // It took a connection; whether it serves is not known yet. Only what was wrong with connecting is over.
  void connected(const std::string& service, TimePoint now);
  void failed(const std::string& service, Reason reason, const std::string& detail, TimePoint now);
  // Nullopt: nobody has called it yet. Names that are configured no more are for the caller to leave out.
  std::optional<TargetState> find(const std::string& service, TimePoint now) const;

 private:
  static constexpr std::size_t kSlices = 10;
  struct Slice {
    std::int64_t number = -1;  // of slices since the clock's origin
    std::uint64_t served = 0, refused = 0, silent = 0;
  };
  struct Record {
    std::optional<Reason> failing;
    std::string detail;
    TimePoint since{};
    TimePoint latest{};
    std::array<Slice, kSlices> slices{};
  };
  Slice& note(Record& record, std::optional<Reason> failing, const std::string& detail, TimePoint now);

  std::map<std::string, Record> records_;
};

}  // namespace fairlead::agent
