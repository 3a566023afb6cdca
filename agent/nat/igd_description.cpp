#include "agent/nat/igd_description.h"

#include "agent/nat/printable.h"

namespace fairlead::agent::nat {
namespace {

constexpr std::string_view kGatewayDevice = "urn:schemas-upnp-org:device:InternetGatewayDevice:";

// The text of the first element of this name; empty when there is none. The root device comes first.
std::string_view first_element(std::string_view xml, std::string_view name) {
  const std::string open = "<" + std::string(name) + ">";
  const auto start = xml.find(open);
  if (start == std::string_view::npos) return {};
  const std::string_view rest = xml.substr(start + open.size());
  const auto end = rest.find('<');
  return end == std::string_view::npos ? std::string_view() : rest.substr(0, end);
}

}  // namespace

IgdDescription read_igd_description(std::string_view xml) {
  IgdDescription out;
  xml = xml.substr(0, kMaxDescription);
  if (const auto at = xml.find(kGatewayDevice); at != std::string_view::npos) {
    const std::string_view digit = xml.substr(at + kGatewayDevice.size(), 1);
    out.version = digit == "2" ? "IGD 2" : "IGD 1";
  }
  const std::string model = printable(first_element(xml, "modelName"), kMaxModel);
  const std::string name = printable(first_element(xml, "friendlyName"), kMaxModel);
  if (model.empty() || name.empty() || name.find(model) != std::string::npos) {
    out.model = name.empty() ? model : name;
  } else {
    out.model = printable(model + " (" + name + ")", kMaxModel);
  }
  return out;
}

}  // namespace fairlead::agent::nat
