#pragma once
// What agent and UPnP helper say to each other: one request, one answer, as lines "key value". The agent trusts the
// answer no more than the strangers whose XML the helper read. Pure; any thread.
#include <optional>
#include <string>
#include <string_view>

#include "agent/nat/gateway_client.h"
#include "agent/nat/uplink.h"

namespace fairlead::agent::nat {

inline constexpr std::size_t kMaxUpnpMessage = 4096;
inline constexpr std::chrono::milliseconds kMaxUpnpPatience = 10min;

enum class UpnpAction : std::uint8_t { look, map, unmap };

struct UpnpRequest {
  UpnpAction action = UpnpAction::look;
  Uplink uplink;
  std::chrono::milliseconds patience{};  // after it the helper is killed
  std::string location;                  // of the description that worked last; empty: search
  // map and unmap:
  std::uint16_t internal_port = 0;
  std::uint16_t external_port = 0;
  std::chrono::seconds lifetime{};
  std::string description;
  std::optional<std::uint16_t> pinhole;  // UniqueID of the pinhole that is to be renewed or deleted
  bool remembered = false;               // as MapRequest's
  bool operator==(const UpnpRequest&) const = default;
};

struct UpnpAnswer {
  std::optional<GatewayError> error;
  std::string location;  // of the device that answered; empty: none did
  GatewayFacts facts;    // without epoch
  std::uint16_t external_port = 0;
  std::chrono::seconds lifetime{};
  std::optional<std::uint16_t> pinhole;
};

std::string write_upnp_request(const UpnpRequest& request);
std::string write_upnp_answer(const UpnpAnswer& answer);
// Empty: not one of ours, or not complete.
std::optional<UpnpRequest> parse_upnp_request(std::string_view text);
std::optional<UpnpAnswer> parse_upnp_answer(std::string_view text);

}  // namespace fairlead::agent::nat
