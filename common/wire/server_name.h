#pragma once
// What a server name (SNI) means: Istio's outbound_ form, or this mesh's own SERVICE.CLUSTER. Serves the routing of
// both programs; which of several readings exists is for the routing table to say. Pure; any thread.
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace fairlead::wire {

// All functions compare case-insensitively and drop one trailing dot; what they return is lower-case.

// outbound_.PORT_.SUBSET_.HOST, the name of an Istio cluster in SNI form (Istio: BuildDNSSrvSubsetKey).
struct IstioName {
  std::string host;
  std::uint16_t port = 0;  // the service port, not the target's
  std::string subset;      // empty: any

  bool operator==(const IstioName&) const = default;
};
bool is_istio_name(std::string_view sni);  // begins with outbound_. : never read as anything else
std::optional<IstioName> parse_istio_name(std::string_view sni);
// True when one of the five protocols is offered by which Istio's clients promise mutual TLS.
bool offers_istio_alpn(const std::vector<std::string>& alpn);

struct MeshName {
  std::string service;   // SERVICE.CLUSTER
  std::string endpoint;  // empty: any endpoint of the service

  bool operator==(const MeshName&) const = default;
};
// Every reading as ENDPOINT.SERVICE.CLUSTER[.DOMAIN] or SERVICE.CLUSTER[.DOMAIN], with DOMAIN one of `domains`;
// endpoint readings first, then as given in `domains`, no domain first. Empty: not such a name. There is more than one
// only when a domain has one label or ends another domain.
std::vector<MeshName> parse_mesh_name(std::string_view sni, std::span<const std::string> domains);

}  // namespace fairlead::wire
