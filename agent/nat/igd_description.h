#pragma once
// The few facts that we take from a UPnP root device description ourselves (UPnP Device Architecture 1.1 §2.3); the
// services in it are read by miniupnpc. Not an XML parser: it finds elements by name in text that nobody vouches for.
// Pure; any thread, in the helper process.
#include <string>
#include <string_view>

namespace fairlead::agent::nat {

inline constexpr std::size_t kMaxDescription = 64u << 10;
inline constexpr std::size_t kMaxModel = 80;

struct IgdDescription {
  std::string version;  // "IGD 1", "IGD 2"; empty: no Internet gateway device
  std::string model;    // "FRITZ!Box 7590", from modelName and friendlyName; printable ASCII, at most kMaxModel
  bool operator==(const IgdDescription&) const = default;
};

IgdDescription read_igd_description(std::string_view xml);

}  // namespace fairlead::agent::nat
