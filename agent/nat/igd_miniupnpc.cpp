// Igd by miniupnpc, the only file that includes it. Its calls follow no redirect and have no limit for the size of what
// they read but what the process may allocate: the helper's memory limit and the agent's kill are what holds it.
#include <fmt/format.h>
#include <miniupnpc/miniupnpc.h>
#include <miniupnpc/miniwget.h>
#include <miniupnpc/upnpcommands.h>

#include <array>
#include <charconv>
#include <cstdlib>
#include <cstring>

#include "agent/nat/igd.h"
#include "common/base/ip_scope.h"

namespace fairlead::agent::nat {
namespace {

constexpr const char* kTcp = "TCP";      // upper case: some devices know no other
constexpr const char* kTcpNumber = "6";  // in pinholes
constexpr int kHttpOk = 200;
constexpr std::size_t kText = 128;  // longer than anything that miniupnpc writes into it

using Text = std::array<char, kText>;

template <class Number>
Number to_number(const Text& text) {
  Number value{};
  std::from_chars(text.data(), text.data() + std::strlen(text.data()), value);
  return value;
}

// A link-local host needs its interface (RFC 6874).
std::string url_text(const HttpUrl& url, const Uplink& uplink) {
  if (url.host.is_v4() || scope_of(url.host) != IpScope::link_local) return url.to_string();
  return fmt::format("http://[{}%25{}]:{}{}", url.host.to_string(), uplink.interface, url.port, url.path);
}

struct Service {
  std::string url;  // "": there is none
  std::string type;
};

class MiniupnpcIgd final : public Igd {
 public:
  MiniupnpcIgd(IgdDescription description, const IGDdatas& data, const HttpUrl& location, const Uplink& uplink)
      : description_(std::move(description)),
        wan_(service(data, data.first, location, uplink)),
        firewall_(service(data, data.IPv6FC, location, uplink)) {
    wan_state_ = state_of(wan_);
    // A modem with PPP and IP services: the one that is connected counts.
    const Service second = service(data, data.second, location, uplink);
    if (wan_state_ == WanState::down && state_of(second) == WanState::connected) {
      wan_ = second;
      wan_state_ = WanState::connected;
    }
  }

  const IgdDescription& description() const override { return description_; }
  bool maps_ports() const override { return !wan_.url.empty(); }
  bool chooses_ports() const override { return wan_.type == "urn:schemas-upnp-org:service:WANIPConnection:2"; }
  bool has_pinholes() const override { return !firewall_.url.empty(); }
  WanState wan_state() const override { return wan_state_; }

  UpnpCode external_address(IpAddress& out) override {
    Text text{};
    const UpnpCode code = UPNP_GetExternalIPAddress(wan_.url.c_str(), wan_.type.c_str(), text.data());
    if (code != kUpnpOk) return code;
    const auto parsed = IpAddress::parse(text.data());
    if (!parsed) return UPNPCOMMAND_INVALID_RESPONSE;
    out = *parsed;
    return kUpnpOk;
  }

  UpnpCode find_entry(std::uint16_t external_port, PortEntry& out) override {
    Text client{}, port{}, description{}, enabled{}, lease{};
    const UpnpCode code = UPNP_GetSpecificPortMappingEntry(
        wan_.url.c_str(), wan_.type.c_str(), std::to_string(external_port).c_str(), kTcp, nullptr, client.data(),
        port.data(), description.data(), enabled.data(), lease.data());
    if (code != kUpnpOk) return code;
    out = {.client = client.data(),
           .internal_port = to_number<std::uint16_t>(port),
           .description = description.data(),
           .lease = std::chrono::seconds(to_number<std::uint32_t>(lease))};
    return kUpnpOk;
  }

  UpnpCode entry_at(unsigned index, std::uint16_t& external_port, PortEntry& out) override {
    Text external{}, client{}, port{}, protocol{}, description{}, enabled{}, remote{}, lease{};
    const UpnpCode code = UPNP_GetGenericPortMappingEntry(
        wan_.url.c_str(), wan_.type.c_str(), std::to_string(index).c_str(), external.data(), client.data(), port.data(),
        protocol.data(), description.data(), enabled.data(), remote.data(), lease.data());
    if (code != kUpnpOk) return code;
    external_port = std::string_view(protocol.data()) == kTcp ? to_number<std::uint16_t>(external) : std::uint16_t{0};
    out = {.client = client.data(),
           .internal_port = to_number<std::uint16_t>(port),
           .description = description.data(),
           .lease = std::chrono::seconds(to_number<std::uint32_t>(lease))};
    return kUpnpOk;
  }

  UpnpCode add_entry(std::uint16_t external_port, const PortEntry& entry) override {
    return UPNP_AddPortMapping(wan_.url.c_str(), wan_.type.c_str(), std::to_string(external_port).c_str(),
                               std::to_string(entry.internal_port).c_str(), entry.client.c_str(),
                               entry.description.c_str(), kTcp, nullptr, lease_text(entry.lease).c_str());
  }

  UpnpCode add_any_entry(std::uint16_t external_port, const PortEntry& entry, std::uint16_t& chosen) override {
    Text reserved{};
    const UpnpCode code = UPNP_AddAnyPortMapping(
        wan_.url.c_str(), wan_.type.c_str(), std::to_string(external_port).c_str(),
        std::to_string(entry.internal_port).c_str(), entry.client.c_str(), entry.description.c_str(), kTcp, nullptr,
        lease_text(entry.lease).c_str(), reserved.data());
    chosen = to_number<std::uint16_t>(reserved);
    return code == kUpnpOk && chosen == 0 ? UPNPCOMMAND_INVALID_RESPONSE : code;
  }

  UpnpCode delete_entry(std::uint16_t external_port) override {
    return UPNP_DeletePortMapping(wan_.url.c_str(), wan_.type.c_str(), std::to_string(external_port).c_str(), kTcp,
                                  nullptr);
  }

  UpnpCode pinholes_allowed(bool& allowed) override {
    int enabled = 0;
    int inbound = 0;
    const UpnpCode code = UPNP_GetFirewallStatus(firewall_.url.c_str(), firewall_.type.c_str(), &enabled, &inbound);
    allowed = inbound != 0;
    return code;
  }

  UpnpCode add_pinhole(const PortEntry& entry, std::uint16_t& id) override {
    Text text{};
    const UpnpCode code = UPNP_AddPinhole(firewall_.url.c_str(), firewall_.type.c_str(), "", "0", entry.client.c_str(),
                                          std::to_string(entry.internal_port).c_str(), kTcpNumber,
                                          lease_text(entry.lease).c_str(), text.data());
    id = to_number<std::uint16_t>(text);
    return code;
  }

  UpnpCode update_pinhole(std::uint16_t id, std::chrono::seconds lease) override {
    return UPNP_UpdatePinhole(firewall_.url.c_str(), firewall_.type.c_str(), std::to_string(id).c_str(),
                              lease_text(lease).c_str());
  }

  UpnpCode delete_pinhole(std::uint16_t id) override {
    return UPNP_DeletePinhole(firewall_.url.c_str(), firewall_.type.c_str(), std::to_string(id).c_str());
  }

 private:
  static std::string lease_text(std::chrono::seconds lease) { return std::to_string(lease.count()); }

  static Service service(const IGDdatas& data, const IGDdatas_service& from, const HttpUrl& location,
                         const Uplink& uplink) {
    const auto url = control_url(location, data.urlbase, from.controlurl);
    if (!url || from.servicetype[0] == '\0') return {};
    return {url_text(*url, uplink), from.servicetype};
  }

  static WanState state_of(const Service& wan) {
    if (wan.url.empty()) return WanState::down;
    Text status{}, last_error{};
    unsigned uptime = 0;
    const int code = UPNP_GetStatusInfo(wan.url.c_str(), wan.type.c_str(), status.data(), &uptime, last_error.data());
    const std::string_view said = status.data();
    return code == kUpnpOk && (said == "Connected" || said == "Up") ? WanState::connected : WanState::down;
  }

  IgdDescription description_;
  Service wan_;
  Service firewall_;
  WanState wan_state_ = WanState::down;
};

}  // namespace

tl::expected<std::unique_ptr<Igd>, GatewayError> open_igd(const HttpUrl& location, const Uplink& uplink) {
  int size = 0;
  int status = -1;
  Text local{};
  const std::unique_ptr<void, void (*)(void*)> body(
      miniwget_getaddr(url_text(location, uplink).c_str(), &size, local.data(), static_cast<int>(local.size()),
                       location.host.is_v4() ? 0 : uplink.index, &status),
      &std::free);
  if (!body || size <= 0)
    return tl::unexpected(GatewayError{GatewayFailure::absent, "no description at " + location.to_string()});
  if (status != kHttpOk || static_cast<std::size_t>(size) > kMaxDescription) {
    return tl::unexpected(
        GatewayError{GatewayFailure::broken, fmt::format("description: HTTP status {}, {} bytes", status, size)});
  }
  const std::string_view xml(static_cast<const char*>(body.get()), static_cast<std::size_t>(size));
  IGDdatas data{};
  parserootdesc(xml.data(), size, &data);
  auto igd = std::make_unique<MiniupnpcIgd>(read_igd_description(xml), data, location, uplink);
  if (!igd->maps_ports() && !igd->has_pinholes()) {
    return tl::unexpected(GatewayError{GatewayFailure::absent, "a UPnP device, but no Internet gateway"});
  }
  return igd;
}

}  // namespace fairlead::agent::nat
