#pragma once
// Hears what gateways say unasked: that they started anew, or have another outside address (RFC 6886 §3.2.1, RFC 6887
// §14.1.3, both to 224.0.0.1:5350) and UPnP devices that appear or go (SSDP NOTIFY to 239.255.255.250:1900). Serves the
// port mapper, which then looks at that gateway; it believes nothing else: anybody on the link can send such a thing.
// One loop.
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "agent/nat/uplink.h"
#include "common/base/bytes.h"
#include "common/net/poller.h"

namespace fairlead::agent::nat {

inline constexpr std::uint16_t kAnnouncementPort = 5350;

struct Announcement {
  IpAddress gateway;
  std::optional<std::uint32_t> epoch;  // PCP and NAT-PMP; SSDP has none
  bool operator==(const Announcement&) const = default;
};

class Announcements {
 public:
  using OnAnnouncement = std::function<void(const Announcement&)>;

  // Listens at the uplinks' interfaces; a group that cannot be joined is logged and done without. What does not come
  // from one of the uplinks' gateways is dropped, and so is what exceeds kAnnouncementsPerMinute.
  Announcements(net::Poller& poller, const std::vector<Uplink>& uplinks, OnAnnouncement on_announcement);
  ~Announcements();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

inline constexpr unsigned kAnnouncementsPerMinute = 30;

// What one datagram says; empty: nothing we care for. `port`: the group's port it came to.
std::optional<Announcement> parse_announcement(ByteView datagram, const IpAddress& source, std::uint16_t port);

}  // namespace fairlead::agent::nat
