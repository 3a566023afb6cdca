#include "common/core/address_memory.h"

#include <algorithm>

namespace fairlead::core {
namespace {

std::vector<SocketAddress> interleave(const std::vector<SocketAddress>& addresses) {
  std::vector<SocketAddress> first;
  std::vector<SocketAddress> second;
  for (const SocketAddress& each : addresses) {
    const bool like_first = each.ip.is_v4() == addresses.front().ip.is_v4();
    (like_first ? first : second).push_back(each);
  }
  std::vector<SocketAddress> out;
  for (std::size_t i = 0; i < std::max(first.size(), second.size()); ++i) {
    if (i < first.size()) out.push_back(first[i]);
    if (i < second.size()) out.push_back(second[i]);
  }
  return out;
}

}  // namespace

void AddressMemory::failed(const SocketAddress& address, TimePoint now) {
  worked(address);
  if (failures_.size() == kMost) failures_.erase(failures_.begin());
  failures_.push_back({address, now});
}

void AddressMemory::worked(const SocketAddress& address) {
  std::erase_if(failures_, [&](const Failure& each) { return each.address == address; });
}

std::vector<SocketAddress> AddressMemory::order(const std::vector<SocketAddress>& addresses, TimePoint now) const {
  std::vector<SocketAddress> good = addresses;
  std::vector<SocketAddress> bad;
  for (const Failure& failure : failures_) {
    if (now - failure.at >= kRemembered || std::erase(good, failure.address) == 0) continue;
    bad.push_back(failure.address);
  }
  std::vector<SocketAddress> out = interleave(good);
  out.insert(out.end(), bad.begin(), bad.end());
  return out;
}

}  // namespace fairlead::core
