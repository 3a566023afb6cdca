#pragma once
// An Internet gateway device as the UPnP helper sees it: the calls of WANIPConnection and WANIPv6FirewallControl that
// it needs. Behind it is miniupnpc (igd_miniupnpc.cpp), in tests a fake. Every call blocks, up to seconds.
#include <memory>
#include <string>

#include "agent/nat/gateway_client.h"
#include "agent/nat/igd_description.h"
#include "agent/nat/ssdp.h"
#include "agent/nat/uplink.h"

namespace fairlead::agent::nat {

// 0: success. Positive: a UPnP error code. Negative: no proper answer (miniupnpc's UPNPCOMMAND_ codes).
using UpnpCode = int;
inline constexpr UpnpCode kUpnpOk = 0;
inline constexpr UpnpCode kUpnpNoAnswer = -3;       // UPNPCOMMAND_HTTP_ERROR
inline constexpr UpnpCode kUpnpActionFailed = 501;  // UPnP Device Architecture 1.1 §3.2.6
inline constexpr UpnpCode kNoSuchEntry = 714;       // NoSuchEntryInArray, WANIPConnection:1 §2.4
inline constexpr UpnpCode kNoSuchPinhole = 704;     // NoSuchEntry, WANIPv6FirewallControl:1 §2.6
std::string describe_upnp(UpnpCode code);           // "error 718: ConflictInMappingEntry"

enum class WanState { down, connected };
// What a code means to the mapping machine; WANIPv6FirewallControl has its own meanings for 701 to 709.
GatewayFailure mapping_failure(UpnpCode code, WanState wan);
GatewayFailure pinhole_failure(UpnpCode code);

struct PortEntry {
  std::string client;  // address that the port is forwarded to
  std::uint16_t internal_port = 0;
  std::string description;
  std::chrono::seconds lease{};
  bool operator==(const PortEntry&) const = default;
};

class Igd {
 public:
  virtual ~Igd() = default;
  virtual const IgdDescription& description() const = 0;
  virtual bool maps_ports() const = 0;     // WANIPConnection or WANPPPConnection
  virtual bool chooses_ports() const = 0;  // WANIPConnection:2, which has AddAnyPortMapping
  virtual bool has_pinholes() const = 0;   // WANIPv6FirewallControl
  virtual WanState wan_state() const = 0;  // by GetStatusInfo

  virtual UpnpCode external_address(IpAddress& out) = 0;
  virtual UpnpCode find_entry(std::uint16_t external_port, PortEntry& out) = 0;
  // The table by number, from 0: GetGenericPortMappingEntry. Entries of other protocols than TCP have port 0.
  virtual UpnpCode entry_at(unsigned index, std::uint16_t& external_port, PortEntry& out) = 0;
  virtual UpnpCode add_entry(std::uint16_t external_port, const PortEntry& entry) = 0;
  virtual UpnpCode add_any_entry(std::uint16_t external_port, const PortEntry& entry, std::uint16_t& chosen) = 0;
  virtual UpnpCode delete_entry(std::uint16_t external_port) = 0;

  virtual UpnpCode pinholes_allowed(bool& allowed) = 0;
  virtual UpnpCode add_pinhole(const PortEntry& entry, std::uint16_t& id) = 0;
  virtual UpnpCode update_pinhole(std::uint16_t id, std::chrono::seconds lease) = 0;
  virtual UpnpCode delete_pinhole(std::uint16_t id) = 0;
};

// Where a service is controlled: as the description says, but always at the host the description came from. Some
// devices name an address of another network in URLBase, and a stranger's could send us anywhere. Empty also for a port
// where no device serves HTTP.
std::optional<HttpUrl> control_url(const HttpUrl& description, std::string_view url_base, std::string_view control);

// Reads the description at `location`. Error: absent (nobody answers there, or it is no gateway) or broken.
tl::expected<std::unique_ptr<Igd>, GatewayError> open_igd(const HttpUrl& location, const Uplink& uplink);

}  // namespace fairlead::agent::nat
