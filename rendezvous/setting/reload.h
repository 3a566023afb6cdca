#pragma once
// What a reload does to a running server's configuration: pure. Every key either is in effect afterwards or is named as
// needing a restart; tests/rendezvous/setting/reload_test.cpp walks all of them.
#include <string>
#include <vector>

#include "rendezvous/setting/config.h"

namespace fairlead::rendezvous {

struct Reload {
  RendezvousConfig config;               // what is in effect from now on
  std::vector<std::string> for_restart;  // keys that differ in the file and keep their value: "server.workers"
};

// Both as they were read: what is derived from the machine is derived later.
Reload plan_reload(const RendezvousConfig& running, RendezvousConfig wanted);

}  // namespace fairlead::rendezvous
