#pragma once
// One live relay as `status relays` lists it: copied by its worker.
#include <string>

#include "common/base/time.h"

namespace fairlead::rendezvous {

struct RelaySummary {
  std::string conn;
  std::string service;
  std::string endpoint;
  std::string peer;
  TimePoint since;
};

}  // namespace fairlead::rendezvous
