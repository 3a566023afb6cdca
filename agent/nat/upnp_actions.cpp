#include "agent/nat/upnp_actions.h"

#include <fmt/format.h>

#include "agent/nat/printable.h"
#include "common/base/ip_scope.h"

namespace fairlead::agent::nat {
namespace {

constexpr std::size_t kLeastTelling = 8;  // characters of a description that was cut short, to know it again
constexpr std::size_t kShownClient = 46;
constexpr unsigned kMostEntries = 64;  // of a device's table that are looked through

UpnpAnswer failed(GatewayError error) {
  UpnpAnswer out;
  out.error = std::move(error);
  return out;
}

UpnpAnswer look(Igd& igd, const UpnpRequest& request) {
  UpnpAnswer out;
  out.facts.version = igd.description().version;
  out.facts.model = igd.description().model;
  if (request.uplink.local.is_v4()) {
    IpAddress external;
    if (igd.external_address(external) == kUpnpOk) out.facts.external = external;
    return out;
  }
  bool allowed = true;
  if (igd.pinholes_allowed(allowed) == kUpnpOk && !allowed) {
    out.error = GatewayError{GatewayFailure::refused, "the gateway allows no inbound IPv6 pinholes"};
  }
  return out;
}

// Error 501 says "did not work". A device without a usable outside address of its own means that, whatever state it
// says its connection is in.
GatewayError mapping_error(Igd& igd, UpnpCode code) {
  WanState wan = igd.wan_state();
  IpAddress external;
  if (code == kUpnpActionFailed &&
      (igd.external_address(external) != kUpnpOk || scope_of(external) != IpScope::global)) {
    wan = WanState::down;
  }
  return {mapping_failure(code, wan), describe_upnp(code)};
}

PortEntry wanted_entry(const UpnpRequest& request) {
  return {.client = request.uplink.local.to_string(),
          .internal_port = request.internal_port,
          .description = request.description,
          .lease = request.lifetime};
}

// Forwarded to the very client and port that are asked for.
bool is_for_us(const PortEntry& entry, const UpnpRequest& request) {
  return IpAddress::parse(entry.client) == request.uplink.local && entry.internal_port == request.internal_port;
}

UpnpAnswer foreign(std::uint16_t port, const PortEntry& entry) {
  const std::string client = printable(entry.client, kShownClient);
  return failed({GatewayFailure::foreign_mapping,
                 fmt::format("port {} is forwarded to {}:{}", port, client, entry.internal_port)});
}

// Version 2 may choose the port; some claim version 2 and do not know the call, so every failure of it is tried again
// the old way.
UpnpCode add(Igd& igd, const UpnpRequest& request, std::uint16_t& port) {
  port = request.external_port;
  if (igd.chooses_ports() && igd.add_any_entry(request.external_port, wanted_entry(request), port) == kUpnpOk) {
    return kUpnpOk;
  }
  port = request.external_port;
  return igd.add_entry(port, wanted_entry(request));
}

// Where the device put what it was asked to add: some ignore the external port, and answer for it that there is none.
// The wished port where it does not tell.
std::uint16_t find_added(Igd& igd, const UpnpRequest& request, std::uint16_t wished) {
  for (unsigned index = 0; index < kMostEntries; ++index) {
    PortEntry entry;
    std::uint16_t port = 0;
    if (igd.entry_at(index, port, entry) != kUpnpOk) break;
    if (port != 0 && is_for_us(entry, request)) return port;
  }
  return wished;
}

// After a device said yes, or something that is neither yes nor no (an empty 200): what stands there for our client and
// port is ours, whatever it is called.
UpnpAnswer confirm(Igd& igd, const UpnpRequest& request, std::uint16_t port, UpnpCode said) {
  UpnpAnswer out{.external_port = port, .lifetime = request.lifetime};
  PortEntry made;
  UpnpCode found = igd.find_entry(port, made);
  if (found == kNoSuchEntry) {
    out.external_port = find_added(igd, request, port);
    if (out.external_port != port) found = igd.find_entry(out.external_port, made);
  }
  if (found == kUpnpOk && !is_for_us(made, request)) return foreign(out.external_port, made);
  if (found != kUpnpOk && said != kUpnpOk) return failed(mapping_error(igd, said));
  // What was granted is only seen in the entry. Devices that report 0 for a lease with an end do not report it.
  if (found == kUpnpOk && made.lease > std::chrono::seconds(0)) out.lifetime = made.lease;
  IpAddress external;
  if (igd.external_address(external) == kUpnpOk) out.facts.external = external;
  return out;
}

UpnpAnswer map_port(Igd& igd, const UpnpRequest& request) {
  PortEntry entry;
  const bool taken = igd.find_entry(request.external_port, entry) == kUpnpOk;
  if (taken && ownership_of(entry, request) == Ownership::foreign) return foreign(request.external_port, entry);

  std::uint16_t port = request.external_port;
  const UpnpCode code = taken ? igd.add_entry(port, wanted_entry(request)) : add(igd, request, port);
  if (code > kUpnpOk) return failed(mapping_error(igd, code));
  return confirm(igd, request, port, code);
}

UpnpAnswer unmap_port(Igd& igd, const UpnpRequest& request) {
  PortEntry entry;
  const UpnpCode found = igd.find_entry(request.external_port, entry);
  if (found == kNoSuchEntry) return {};
  if (found == kUpnpOk && ownership_of(entry, request) == Ownership::foreign) {
    return foreign(request.external_port, entry);
  }
  // Of a device that does not tell whose an entry is we remove what we remember; the rest may end by its lease.
  const bool untold = found > kUpnpOk && request.remembered;
  if (found != kUpnpOk && !untold) return failed(mapping_error(igd, found));
  const UpnpCode code = igd.delete_entry(request.external_port);
  if (code == kUpnpOk || code == kNoSuchEntry) return {};
  return failed(mapping_error(igd, code));
}

UpnpAnswer map_pinhole(Igd& igd, const UpnpRequest& request) {
  UpnpAnswer out{.external_port = request.internal_port, .lifetime = request.lifetime};
  out.facts.external = request.uplink.local;
  UpnpCode code = kNoSuchPinhole;
  if (request.pinhole) {
    out.pinhole = request.pinhole;
    code = igd.update_pinhole(*request.pinhole, request.lifetime);
  }
  if (code != kUpnpOk) {  // the gateway may have forgotten it
    std::uint16_t id = 0;
    code = igd.add_pinhole(wanted_entry(request), id);
    out.pinhole = id;
  }
  if (code != kUpnpOk) return failed({pinhole_failure(code), describe_upnp(code)});
  return out;
}

UpnpAnswer unmap_pinhole(Igd& igd, const UpnpRequest& request) {
  if (!request.pinhole) return {};  // not made in this life; it ends by its lease
  const UpnpCode code = igd.delete_pinhole(*request.pinhole);
  if (code == kUpnpOk || code == kNoSuchPinhole) return {};
  return failed({pinhole_failure(code), describe_upnp(code)});
}

}  // namespace

Ownership ownership_of(const PortEntry& entry, const UpnpRequest& request) {
  const bool for_us = is_for_us(entry, request);
  // Some devices keep no description, or one of their own: memory tells what we made.
  if (for_us && request.remembered) return Ownership::ours;
  if (IpAddress::parse(entry.client) != request.uplink.local) return Ownership::foreign;
  // Some cut descriptions short. An entry of this host with another description is its owner's own doing.
  const bool same = entry.description == request.description;
  const bool cut = entry.description.size() >= kLeastTelling && request.description.starts_with(entry.description);
  if (!same && !cut) return Ownership::foreign;
  return for_us ? Ownership::ours : Ownership::ours_stale;
}

UpnpAnswer run_upnp_action(Igd& igd, const UpnpRequest& request) {
  const bool v4 = request.uplink.local.is_v4();
  if (v4 && !igd.maps_ports()) return failed({GatewayFailure::absent, "the gateway device has no WAN connection"});
  if (!v4 && !igd.has_pinholes()) return failed({GatewayFailure::absent, "the gateway device knows no IPv6 pinholes"});
  switch (request.action) {
    case UpnpAction::look:
      return look(igd, request);
    case UpnpAction::map:
      return v4 ? map_port(igd, request) : map_pinhole(igd, request);
    case UpnpAction::unmap:
      return v4 ? unmap_port(igd, request) : unmap_pinhole(igd, request);
  }
  return failed({GatewayFailure::unsupported, "no such action"});
}

}  // namespace fairlead::agent::nat
