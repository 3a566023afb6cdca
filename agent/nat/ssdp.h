#pragma once
// SSDP (UPnP Device Architecture 1.1 §1): searches that the UPnP helper sends, and what devices answer or announce; and
// the judgement of the LOCATION they name, which is where the helper would send HTTP requests. Pure; any thread.
#include <optional>
#include <string>
#include <string_view>

#include "common/base/bytes.h"
#include "common/base/ip.h"

namespace fairlead::agent::nat {

inline constexpr std::uint16_t kSsdpPort = 1900;
inline constexpr std::size_t kMaxSsdpLine = 512;  // a message with a longer line that matters is refused
inline constexpr std::size_t kMaxSsdpLines = 64;

// 239.255.255.250, or ff02::c on the link for IPv6.
IpAddress ssdp_group(const IpAddress& local);

// An M-SEARCH (§1.3.2) for one target: "ssdp:all", "urn:schemas-upnp-org:device:InternetGatewayDevice:1". `host`: where
// it is sent to.
std::string ssdp_search(std::string_view target, const IpAddress& host);

struct SsdpMessage {
  enum class Kind {
    answer,   // to an M-SEARCH, §1.3.3
    alive,    // NOTIFY ssdp:alive or ssdp:update, §1.2.2, §1.2.4
    leaving,  // NOTIFY ssdp:byebye, §1.2.3
  } kind = Kind::answer;
  std::string location;  // "" only when leaving
  std::string target;    // ST or NT: what it is
  std::string usn;
  bool operator==(const SsdpMessage&) const = default;
};

// Views are copied. Empty: no such message, or a bad one.
std::optional<SsdpMessage> parse_ssdp(ByteView datagram);
// An Internet gateway device or a part of one; also the answers to ssdp:all that may hide one ("upnp:rootdevice").
bool names_gateway(std::string_view target);

// "http://192.168.1.1:5000/rootDesc.xml". The host is an address literal; an IPv6 zone is allowed and dropped.
struct HttpUrl {
  IpAddress host;
  std::uint16_t port = 80;
  std::string path;  // begins with '/'
  std::string to_string() const;
  bool operator==(const HttpUrl&) const = default;
};
inline constexpr std::size_t kMaxUrl = 256;
// Where devices serve HTTP: 80, and what needs no privilege; never the ports of other services below 1024.
inline bool is_http_port(std::uint16_t port) {
  return port == 80 || port >= 1024;
}
std::optional<HttpUrl> parse_http_url(std::string_view text);

}  // namespace fairlead::agent::nat
