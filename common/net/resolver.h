#pragma once
// One asker of Names: a host and a port in, socket addresses out. A literal address is answered without a lookup, but
// never before resolve() returned. When the lookup is silent for kPatience, or fails, addresses of before are told.
// Destroying the Resolver silences it; the lookup goes on for the cache.
#include <functional>
#include <string>
#include <vector>

#include "common/base/ip.h"
#include "common/base/result.h"
#include "common/net/names.h"

namespace fairlead::net {

class Resolver {
 public:
  static constexpr Duration kPatience = 500ms;  // RFC 8767 §5 has 1.8 s, for resolvers with other resolvers behind them

  using Answer = std::function<void(Result<std::vector<SocketAddress>>)>;

  explicit Resolver(Names& names);
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  // One question at a time: a new one silences the one before. The answer holds at least one address; otherwise
  // resolve_failed. It may ask again, and destroy the Resolver.
  void resolve(const HostPort& target, Answer answer);
  void cancel();

 private:
  friend class Names;
  void found(const core::NameAnswer& answer);  // told from the loop, by the timer
  void abandoned() { waiting_ = false; }
  void on_timer();
  void tell(const core::NameAnswer& answer);

  Names& names_;
  HostPort target_;
  Answer answer_;
  bool waiting_ = false;  // Names knows of us
  std::optional<core::NameAnswer> found_;
  core::TimerEntry timer_;
};

}  // namespace fairlead::net
