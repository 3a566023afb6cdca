#include "agent/nat/ssdp_search.h"

#include <poll.h>

#include <algorithm>
#include <array>

#include "agent/nat/printable.h"
#include "agent/nat/udp_socket.h"
#include "agent/nat/uplinks.h"
#include "common/net/loop.h"

namespace fairlead::agent::nat {
namespace {

constexpr Duration kSpacing = 75ms;    // between searches: some devices drop what comes at once
constexpr Duration kMoment = 150ms;    // for further answers after the gateway's first
constexpr Duration kRepeatAfter = 1s;  // the whole series once more: UDP gets lost
constexpr std::size_t kShownUrl = 120;

struct Search {
  bool to_gateway;
  std::string_view target;
};
// Unicast works where multicast is filtered; some devices answer only "ssdp:all", or one of the versions.
constexpr Search kSearches[] = {
    {true, "ssdp:all"},
    {true, "urn:schemas-upnp-org:device:InternetGatewayDevice:1"},
    {false, "urn:schemas-upnp-org:device:InternetGatewayDevice:2"},
    {false, "urn:schemas-upnp-org:device:InternetGatewayDevice:1"},
    {false, "urn:schemas-upnp-org:service:WANIPConnection:1"},
    {false, "urn:schemas-upnp-org:service:WANPPPConnection:1"},
    {false, "ssdp:all"},
};

void send_search(int fd, const Search& search, const Uplink& uplink) {
  const IpAddress to = search.to_gateway ? uplink.gateway : ssdp_group(uplink.local);
  const std::string text = ssdp_search(search.target, to);
  send_datagram(fd, as_bytes(text), {to, kSsdpPort}, uplink.index);
}

void read_answers(int fd, const Uplink& uplink, const std::vector<Cidr>& networks, SsdpFindings& into) {
  std::array<std::uint8_t, kMaxDatagram> buffer;
  Datagram datagram;
  // An ICMP error answers the search at the gateway alone: others may still speak.
  for (Received got; (got = receive_datagram(fd, buffer, datagram)) != Received::nothing;) {
    if (got != Received::datagram || !is_on_link(datagram.from.ip, uplink, networks)) continue;
    if (const auto message = parse_ssdp(datagram.bytes))
      add_finding(*message, datagram.from.ip, uplink, networks, into);
  }
}

void wait_readable(int fd, Duration time) {
  pollfd entry{.fd = fd, .events = POLLIN, .revents = 0};
  const auto wait = std::chrono::ceil<std::chrono::milliseconds>(std::max(time, Duration::zero()));
  ::poll(&entry, 1, static_cast<int>(wait.count()));
}

}  // namespace

bool speaks_for_itself(const HttpUrl& location, const IpAddress& from, const Uplink& uplink,
                       const std::vector<Cidr>& networks) {
  if (!is_http_port(location.port) || !is_on_link(location.host, uplink, networks)) return false;
  if (uplink.local.is_v4()) return from == uplink.gateway && location.host == from;
  return from == uplink.gateway || location.host == from;
}

void add_finding(const SsdpMessage& message, const IpAddress& from, const Uplink& uplink,
                 const std::vector<Cidr>& networks, SsdpFindings& into) {
  if (message.kind != SsdpMessage::Kind::answer || !names_gateway(message.target)) return;
  const auto url = parse_http_url(message.location);
  if (!url || !speaks_for_itself(*url, from, uplink, networks)) {
    into.refused = printable(message.location, kShownUrl);
    return;
  }
  if (std::ranges::count(into.locations, *url) > 0 || into.locations.size() >= kMaxDevices) return;
  into.locations.insert(url->host == uplink.gateway ? into.locations.begin() : into.locations.end(), *url);
}

Result<SsdpFindings> search_gateways(const Uplink& uplink, const std::vector<Cidr>& networks,
                                     std::chrono::milliseconds budget) {
  auto socket = open_udp(uplink);
  if (!socket) return tl::unexpected(socket.error());
  multicast_by(socket->get(), uplink);

  SsdpFindings out;
  TimePoint now = net::monotonic_now();
  TimePoint end = now + budget;
  TimePoint next_search = now;
  std::size_t searches = 0;
  bool found = false;
  while (now < end) {
    if (now >= next_search) {
      send_search(socket->get(), kSearches[searches % std::size(kSearches)], uplink);
      ++searches;
      next_search = now + (searches % std::size(kSearches) == 0 ? kRepeatAfter : kSpacing);
    }
    wait_readable(socket->get(), std::min(end, next_search) - now);
    read_answers(socket->get(), uplink, networks, out);
    now = net::monotonic_now();
    if (!found && !out.locations.empty() && out.locations.front().host == uplink.gateway) {
      found = true;
      end = std::min(end, now + kMoment);
    }
  }
  return out;
}

}  // namespace fairlead::agent::nat
