#pragma once
// Where one rendezvous can be reached, as far as this agent may believe it: the address of the session, those that its
// name led to, and those that it tells (within the DialRule). Pure; for the time of a session.
#include <algorithm>
#include <optional>
#include <vector>

#include "agent/session/dial_rule.h"

namespace fairlead::agent {

class ServerAddresses {
 public:
  static constexpr std::size_t kMost = 16;

  ServerAddresses() = default;
  ServerAddresses(DialRule rule, const SocketAddress& session, const std::vector<SocketAddress>& named)
      : rule_(std::move(rule)), known_{session} {
    for (const SocketAddress& each : named) add(each);
  }

  // False: refused by the rule. What is no address is not one of ours to dial.
  bool learn(const SocketAddress& told) {
    if (!rule_.allows(told)) return false;
    add(told);
    return true;
  }
  std::optional<SocketAddress> of_family(const IpAddress& like) const {
    const auto at = std::ranges::find_if(known_, [&](const auto& each) { return each.ip.is_v4() == like.is_v4(); });
    return at == known_.end() ? std::nullopt : std::optional(*at);
  }
  const std::vector<SocketAddress>& all() const { return known_; }

 private:
  void add(const SocketAddress& address) {
    if (known_.size() < kMost && std::ranges::find(known_, address) == known_.end()) known_.push_back(address);
  }

  DialRule rule_;
  std::vector<SocketAddress> known_;  // that of the session first
};

}  // namespace fairlead::agent
