#include "agent/nat/port_sequence.h"

#include <numeric>

#include "common/base/byte_reader.h"
#include "common/crypto/sha256.h"

namespace fairlead::agent::nat {
namespace {
constexpr std::size_t kMostDescription = 31;
}

PortSequence::PortSequence(std::string_view identity, std::uint16_t first) : first_(first) {
  const crypto::Digest digest = crypto::sha256(as_bytes(identity));
  ByteReader reader{ByteView(digest)};
  start_ = reader.u32() % kMappedPorts;
  step_ = 1 + reader.u32() % (kMappedPorts - 1);
  while (std::gcd(step_, kMappedPorts) != 1) step_ = step_ % (kMappedPorts - 1) + 1;
}

std::uint16_t PortSequence::derived(std::uint32_t index) const {
  const std::uint64_t offset = (start_ + std::uint64_t{index} * step_) % kMappedPorts;
  return static_cast<std::uint16_t>(kFirstMappedPort + offset);
}

std::uint16_t PortSequence::at(std::uint32_t index) const {
  if (first_ == 0) return derived(index);
  if (index == 0) return first_;
  if (first_ < kFirstMappedPort || first_ > kLastMappedPort) return derived(index - 1);
  // The configured port was taken first: its place in the sequence is skipped.
  index %= kMappedPorts;
  if (index == 0) return first_;
  for (std::uint32_t i = 0; i < index; ++i) {
    if (derived(i) == first_) return derived(index);
  }
  return derived(index - 1);
}

std::string mapping_description(std::string_view identity) {
  std::string text = "fairlead";
  if (!identity.empty()) text += ' ';
  for (const char c : identity) {
    const bool plain =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-';
    text += plain ? c : '-';
  }
  return text.substr(0, kMostDescription);
}

}  // namespace fairlead::agent::nat
