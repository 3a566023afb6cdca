#include "agent/nat/announcements.h"
#include "agent/nat/igd.h"
#include "agent/nat/ssdp_search.h"
#include "common/base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace fairlead;
  using namespace fairlead::agent::nat;
  static const Uplink uplink{.interface = "eth0",
                             .index = 2,
                             .local = IpAddress::v4({192, 168, 1, 10}),
                             .gateway = IpAddress::v4({192, 168, 1, 1})};
  static const std::vector<Cidr> networks{*Cidr::parse("192.168.1.0/24")};
  const ByteView in(data, size);
  parse_announcement(in, uplink.gateway, kSsdpPort);
  read_igd_description(as_text(in));
  if (const auto message = parse_ssdp(in)) {
    CHECK(message->location.size() <= kMaxSsdpLine && message->target.size() <= kMaxSsdpLine);
    SsdpFindings findings;
    add_finding(*message, uplink.gateway, uplink, networks, findings);
    // Nothing but a neighbour is ever asked for its description.
    for (const HttpUrl& url : findings.locations) {
      CHECK(networks[0].contains(url.host) && url.host != uplink.local);
    }
  }
  const auto url = parse_http_url(as_text(in));
  const auto control = control_url({.host = uplink.gateway, .path = "/"}, as_text(in), as_text(in));
  CHECK(!control || control->host == uplink.gateway);
  if (!url || url->to_string().size() > kMaxUrl) return 0;
  CHECK(parse_http_url(url->to_string()) == url);
  return 0;
}
