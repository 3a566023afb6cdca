#pragma once
// Relays of one worker whose client has said nothing behind its hello: a few of one source at most, for such a relay
// costs its client one packet and us two descriptors and a service's connection. When a source has its maximum, its
// oldest here goes and the newcomer stays; so it is where a service has its maximum. A relay is out of this the moment
// its client speaks: its place is free at once, for all workers. One thread; the gauge is the server's.
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>

#include "common/base/reason.h"
#include "common/base/source_gauge.h"

namespace fairlead::rendezvous {

class UnprovedRelays {
 public:
  using Close =
      std::function<void(std::uint64_t number, Reason reason)>;  // leave() was done already, and may be called again

  UnprovedRelays(SourceGauge& per_source, Close close) : per_source_(per_source), close_(std::move(close)) {}

  // One has begun; numbers rise. Closes one other at most.
  void enter(std::uint64_t number, const IpAddress& source, const std::string& service);
  // Its client spoke, or it ended; nothing for one that is not here.
  void leave(std::uint64_t number);
  // The service is full: its oldest here goes (relays_per_service). False: none is here.
  bool close_oldest_of(const std::string& service);
  std::size_t size() const { return young_.size(); }

 private:
  struct Young {
    IpAddress source;
    std::string service;
    std::optional<SourceToken> token;  // none: other workers have all that its source may have
  };
  // The oldest first.
  struct OfSource {
    std::set<std::uint64_t> counted, uncounted;
    bool empty() const { return counted.empty() && uncounted.empty(); }
  };

  void close(std::uint64_t number, Reason reason);
  std::optional<std::uint64_t> oldest_beside(const IpAddress& source) const;

  SourceGauge& per_source_;
  Close close_;
  std::unordered_map<std::uint64_t, Young> young_;
  std::unordered_map<SourceKey, OfSource> sources_;  // each relay at all levels of its source
  std::unordered_map<std::string, std::set<std::uint64_t>> services_;
};

}  // namespace fairlead::rendezvous
