#pragma once
// What is known of host names: for how long an answer stands for a new one, and what may be told while no better one
// can be had (RFC 8767, "serve stale"). The system's resolver tells no times to live, so these are ours. Pure, time as
// an argument; one loop; owned by net::Names.
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/base/ip.h"
#include "common/base/time.h"

namespace fairlead::core {

// What a lookup found: addresses, or why there are none.
struct NameAnswer {
  std::vector<IpAddress> addresses;  // each once; empty: it failed
  std::string failure;
  bool gone = false;  // failed because there is no such name: what was known of it is wrong now

  bool operator==(const NameAnswer&) const = default;
};

class NameCache {
 public:
  static constexpr Duration kFresh = 30s;
  static constexpr Duration kFailureFresh = 1s;  // many who ask at once ask once; whoever comes back later asks anew
  static constexpr Duration kStale = 1h;
  static constexpr std::size_t kMost = 256;  // names; the one that was learned first goes

  void learned(const std::string& name, NameAnswer answer, TimePoint now);
  // What stands for a new lookup: an answer, addresses known before a failure that is a moment ago, or that failure.
  std::optional<NameAnswer> fresh(const std::string& name, TimePoint now) const;
  // Addresses that may be told when a lookup is silent or fails; null: none.
  const NameAnswer* stale(const std::string& name, TimePoint now) const;
  // Other servers may answer otherwise: everything is looked up anew, and told only if that fails.
  void network_changed();

 private:
  struct Entry {
    TimePoint touched{};
    NameAnswer found;  // the latest with addresses
    std::optional<TimePoint> found_at;
    NameAnswer failure;  // the latest, when it came after `found`
    std::optional<TimePoint> failed_at;
    bool doubted = false;
  };
  void make_room();

  std::map<std::string, Entry> entries_;
};

}  // namespace fairlead::core
