#include "agent/nat/announcements.h"

#include <algorithm>
#include <array>

#include "agent/nat/pcp.h"
#include "agent/nat/ssdp.h"
#include "agent/nat/udp_socket.h"
#include "common/base/byte_reader.h"
#include "common/base/log.h"
#include "common/core/token_bucket.h"

namespace fairlead::agent::nat {
namespace {

constexpr std::uint8_t kNatPmpVersion = 0;
constexpr std::uint8_t kNatPmpAddressAnswer = 128;  // RFC 6886 §3.2.1
constexpr std::size_t kNatPmpAnnouncement = 12;

std::optional<std::uint32_t> nat_pmp_epoch(ByteView datagram) {
  ByteReader in(datagram);
  const std::uint8_t version = in.u8();
  const std::uint8_t opcode = in.u8();
  const std::uint16_t result = in.u16();
  const std::uint32_t epoch = in.u32();
  in.skip(kNatPmpAnnouncement - 8);
  if (!in.finished() || version != kNatPmpVersion || opcode != kNatPmpAddressAnswer || result != 0) return std::nullopt;
  return epoch;
}

std::optional<std::uint32_t> pcp_epoch(ByteView datagram) {
  const auto response = parse_pcp_response(datagram);
  if (!response || response->opcode != PcpOpcode::announce || response->result != PcpResult::success)
    return std::nullopt;
  return response->epoch;
}

IpAddress all_hosts(Family family) {
  if (family == Family::v4) return IpAddress::v4({224, 0, 0, 1});
  return IpAddress::v6({0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1});
}

}  // namespace

std::optional<Announcement> parse_announcement(ByteView datagram, const IpAddress& source, std::uint16_t port) {
  if (port == kSsdpPort) {
    const auto message = parse_ssdp(datagram);
    // One of the dozen messages of a device is enough: that of the device as a whole.
    if (!message || message->kind == SsdpMessage::Kind::answer ||
        message->target.find("device:InternetGatewayDevice:") == std::string::npos) {
      return std::nullopt;
    }
    return Announcement{source, std::nullopt};
  }
  auto epoch = nat_pmp_epoch(datagram);
  if (!epoch) epoch = pcp_epoch(datagram);
  if (!epoch) return std::nullopt;
  return Announcement{source, epoch};
}

class Announcements::Impl {
 public:
  Impl(net::Poller& poller, const std::vector<Uplink>& uplinks, OnAnnouncement on_announcement)
      : loop_(poller.loop()), uplinks_(uplinks), on_announcement_(std::move(on_announcement)) {
    for (const Family family : {Family::v4, Family::v6}) {
      open(poller, family, kAnnouncementPort);
      open(poller, family, kSsdpPort);
    }
  }

 private:
  struct Listener final : net::PollTarget {
    Listener(Impl& owner, std::uint16_t where) : impl(owner), port(where) {}
    void on_ready(net::Readiness) override { impl.read(*this); }
    Impl& impl;
    std::uint16_t port;
    net::PolledFd socket;
  };

  void open(net::Poller& poller, Family family, std::uint16_t port) {
    std::vector<unsigned> joined;
    for (const Uplink& uplink : uplinks_) {
      if (uplink.local.is_v4() == (family == Family::v4)) joined.push_back(uplink.index);
    }
    if (joined.empty()) return;
    auto socket = open_shared_udp(family, port);
    if (!socket)
      return log(Level::debug, "no gateway announcements", {{"port", port}, {"error", socket.error().detail}});
    const IpAddress family_address = family == Family::v4 ? IpAddress() : IpAddress::v6({});
    const IpAddress group = port == kSsdpPort ? ssdp_group(family_address) : all_hosts(family);
    for (const unsigned index : joined) {
      if (auto done = join_group(socket->get(), group, index); !done) {
        log(Level::debug, "no gateway announcements", {{"port", port}, {"error", done.error().detail}});
      }
    }
    listeners_.push_back(std::make_unique<Listener>(*this, port));
    listeners_.back()->socket = net::PolledFd(poller, std::move(*socket), *listeners_.back());
  }

  void read(Listener& listener) {
    std::array<std::uint8_t, kMaxDatagram> buffer;
    Datagram datagram;
    std::vector<Announcement> heard;
    for (Received got; (got = receive_datagram(listener.socket.get(), buffer, datagram)) != Received::nothing;) {
      if (got != Received::datagram || !is_gateway(datagram.from.ip)) continue;
      auto announcement = parse_announcement(datagram.bytes, datagram.from.ip, listener.port);
      // A burst says one thing.
      const bool news = announcement && std::ranges::count(heard, *announcement) == 0;
      if (news && rate_.take(loop_.now())) heard.push_back(*announcement);
    }
    const OnAnnouncement on_announcement = on_announcement_;  // a call may end this object
    const std::weak_ptr<int> alive = alive_;
    for (const Announcement& each : heard) {
      if (!alive.expired()) on_announcement(each);
    }
  }

  bool is_gateway(const IpAddress& address) const {
    return std::ranges::any_of(uplinks_, [&](const Uplink& uplink) { return uplink.gateway == address; });
  }

  net::Loop& loop_;
  const std::vector<Uplink> uplinks_;
  const OnAnnouncement on_announcement_;
  core::TokenBucket rate_{kAnnouncementsPerMinute, kAnnouncementsPerMinute / 60.0, loop_.now()};
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
  std::vector<std::unique_ptr<Listener>> listeners_;
};

Announcements::Announcements(net::Poller& poller, const std::vector<Uplink>& uplinks, OnAnnouncement on_announcement)
    : impl_(std::make_unique<Impl>(poller, uplinks, std::move(on_announcement))) {}

Announcements::~Announcements() = default;

}  // namespace fairlead::agent::nat
