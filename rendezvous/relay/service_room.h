#pragma once
// limits.relays_per_service: how many relays of one service there may be, and how many of them from one site: of an
// IPv6 /48, which may have several times a host's relays, a quarter at most. So no source takes all of a service. Any
// thread.
#include <string>

#include "common/base/result.h"
#include "common/base/source_gauge.h"

namespace fairlead::rendezvous {

class ServiceRoom {
 public:
  struct Token {
    KeyedGauge<std::string>::Token service;
    KeyedGauge<std::string>::Token site;  // empty for IPv4: relays_per_source is enough
  };

  ServiceRoom(std::size_t per_service, std::size_t per_source) : services_(per_service), sites_(0) {
    set_max(per_service, per_source);
  }
  void set_max(std::size_t per_service, std::size_t per_source);

  // relays_per_service, relays_per_source.
  tl::expected<Token, Reason> take(const std::string& service, const IpAddress& source);

  std::size_t highest() const { return services_.highest(); }
  std::size_t max() const { return services_.max(); }

 private:
  KeyedGauge<std::string> services_;
  KeyedGauge<std::string> sites_;  // by service and site
};

}  // namespace fairlead::rendezvous
