#pragma once
// Tells from a gateway's epoch (seconds since it lost its state) whether it lost its mappings since we last heard of
// it: RFC 6886 §3.6 for NAT-PMP, RFC 6887 §8.5 for PCP. Pure; one object per protocol of an uplink, owned by its
// Mapping. Times are boot time (net::boottime_now()): a clock that stands still during suspend would see the gateway's
// run ahead.
#include <cstdint>
#include <optional>

#include "agent/setting/config.h"
#include "common/base/time.h"

namespace fairlead::agent::nat {

enum class EpochVerdict : std::uint8_t { first, steady, reset };

class EpochClock {
 public:
  // What `epoch`, heard at `now`, means; it is what the next one is compared with.
  EpochVerdict on_epoch(MappingProtocol protocol, std::uint32_t epoch, TimePoint now);
  // The same judgement without remembering: for what anybody on the link could have sent.
  EpochVerdict judge(MappingProtocol protocol, std::uint32_t epoch, TimePoint now) const;

 private:
  struct Heard {
    std::uint32_t epoch = 0;
    TimePoint at;
  };
  std::optional<Heard> last_;
};

}  // namespace fairlead::agent::nat
