#pragma once
// What the agent may open, dealt out so that the sum fits: fixed ones, ready channels, unclassified callers, last
// words, pipes, and the rest for relays (two each). Pure; made once, at the start.
#include <cstddef>
#include <string>

namespace fairlead::agent {

struct DescriptorWishes {
  std::size_t open_files = 0;
  std::size_t channels = 0;  // ready ones of all sessions at most
  std::size_t relays = 0;    // limits.relays_max; 0: as many as there are
};

struct DescriptorPlan {
  std::size_t relays = 0;
  std::size_t callers = 256;  // that have not said what they are
  std::size_t farewells = 1024;
  std::size_t pipes = 128;
  std::size_t sum = 0;  // of everything
  std::string cut;      // "limits.relays_max: ..."; empty: the wish fits
};

DescriptorPlan plan_descriptors(const DescriptorWishes& wishes);

}  // namespace fairlead::agent
