#pragma once
// Which external ports an agent asks for, in which order: the configured one, then a sequence that follows from its
// identity alone. The same agent comes back to the same port after a restart, and two agents behind one NAT seldom want
// the same. Pure; a value, owned by a Mapping.
#include <cstdint>
#include <string>
#include <string_view>

namespace fairlead::agent::nat {

// Away from the ports of well-known services, which a person may want to forward by hand.
inline constexpr std::uint16_t kFirstMappedPort = 20000;
inline constexpr std::uint16_t kLastMappedPort = 60999;
inline constexpr std::uint32_t kMappedPorts = kLastMappedPort - kFirstMappedPort + 1;

class PortSequence {
 public:
  // `first` 0: the sequence alone. Otherwise it comes first, and is left out further on.
  PortSequence(std::string_view identity, std::uint16_t first);

  // Distinct for kMappedPorts subsequent indices; then it begins anew.
  std::uint16_t at(std::uint32_t index) const;

 private:
  std::uint16_t derived(std::uint32_t index) const;

  std::uint16_t first_;
  std::uint32_t start_;
  std::uint32_t step_;  // coprime to kMappedPorts: every port comes once
};

// What gateways show beside the mapping: ASCII, at most 31 characters (longer ones break routers).
std::string mapping_description(std::string_view identity);

}  // namespace fairlead::agent::nat
