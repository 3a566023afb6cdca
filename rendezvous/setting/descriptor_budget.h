#pragma once
// One budget of descriptors: deals what the process may open out to the limits that cost some, so that their sum fits
// and some are left for what must always work (admin socket, files, refusing politely). Pure; called by Server at its
// start and at a reload.
//
//   open files = fixed (loops, listeners, files, spare) | refusals, pipes, dial-backs, handshakes, waiting,
//   unclassified
//                | relays (two each), sessions, ready channels
//
// The small ones first, each with a share at most; of the rest the configured ones get what they ask for while a part
// is left for the others, and those that are 0 divide the remainder. Who waits for a handshake wants to become a
// session and may have the place of one that has not come (waiting_places and beyond): after a restart nobody has one
// yet, and a whole fleet waits. What was configured and does not fit is cut, and told.
#include <string>
#include <vector>

#include "common/base/result.h"
#include "rendezvous/setting/config.h"

namespace fairlead::rendezvous {

struct DescriptorNeeds {
  std::size_t open_files = 0;  // the limit of the process
  std::size_t workers = 1;     // as many control threads stand beside them
  std::size_t listeners = 1;   // addresses; each worker has a socket for each
};

struct DescriptorShare {
  std::string name;  // the key, where there is one
  std::size_t units = 0;
  std::size_t each = 1;  // descriptors of a unit
  std::size_t all() const { return units * each; }
};

struct DescriptorBudget {
  Limits limits;  // what was given, cut to what fits; nothing is 0
  std::size_t farewells_per_worker = 0;
  std::size_t pipes_per_worker = 0;
  std::size_t open_files = 0;
  std::size_t workers = 0;
  std::size_t fixed = 0;
  std::vector<DescriptorShare> shares;
  std::vector<std::string> cut;  // "limits.relays_max: 5000 does not fit ..."
};

// io_failed: so many threads and listeners need more than there is.
Result<DescriptorBudget> deal_descriptors(const Limits& wanted, const DescriptorNeeds& needs);
// One line: "relays_max 2430x2, sessions_max ...".
std::string describe(const DescriptorBudget& budget);

}  // namespace fairlead::rendezvous
