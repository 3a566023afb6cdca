#pragma once
// The ways to an endpoint, in the one order in which clients shall try them: its direct addresses that answer, then the
// relay. Behind these stand, for people to see, the direct addresses that do not (yet) answer; nobody is sent there.
// Every publisher, and `status`, takes the order from here. Pure values; any thread.
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "rendezvous/registry/direct_endpoint.h"

namespace fairlead::rendezvous {

inline constexpr unsigned kDirectPriority = 10;  // as publishers write them: the lower one is tried first
inline constexpr unsigned kRelayPriority = 20;

struct Way {
  enum class Kind : std::uint8_t { direct, relay };

  Kind kind = Kind::relay;
  unsigned priority = kRelayPriority;
  DirectEndpoint direct;  // of Kind::direct; the relay is at whatever address this server announces
  bool operator==(const Way&) const = default;
};

// Never empty: the relay is always one. How well it works at this moment is no part of it: EndpointLoad says that.
class Ways {
 public:
  explicit Ways(std::vector<DirectEndpoint> direct);

  std::span<const Way> usable() const { return std::span(all_).first(usable_); }
  std::span<const Way> all() const { return all_; }
  bool operator==(const Ways&) const = default;

 private:
  std::vector<Way> all_;
  std::size_t usable_ = 0;
};

using WaysPtr = std::shared_ptr<const Ways>;

}  // namespace fairlead::rendezvous
