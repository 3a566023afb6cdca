#include <fmt/format.h>

#include <algorithm>

#include "common/route/name_index.h"
#include "common/wire/server_name.h"

namespace fairlead::route {
namespace {

bool is_its_own(std::string_view name, const Endpoint& endpoint, const std::vector<std::string>& domains) {
  return std::ranges::any_of(wire::parse_mesh_name(name, domains), [&](const wire::MeshName& reading) {
    return reading.service == endpoint.service && (reading.endpoint.empty() || reading.endpoint == endpoint.name);
  });
}

}  // namespace

std::vector<NameUse> names_of(const Endpoint& endpoint, const std::vector<std::string>& domains) {
  std::vector<NameUse> names;
  const auto use = [&](std::string name, NameKind kind) {
    NameUse wanted{std::move(name), kind};
    if (std::ranges::find(names, wanted) == names.end()) names.push_back(std::move(wanted));
  };
  const auto claim = [&](const std::string& name) {
    if (!is_its_own(name, endpoint, domains)) use(name, NameKind::host);
  };

  use(endpoint.service, NameKind::service);
  use(endpoint.name + "." + endpoint.service, NameKind::endpoint);
  for (const std::string& name : endpoint.sni) claim(name);
  if (endpoint.host.empty()) return names;

  claim(endpoint.host);
  const auto istio = [&](std::string_view subset) {
    return fmt::format("outbound_.{}_.{}_.{}", endpoint.port, subset, endpoint.host);
  };
  use(istio(""), NameKind::subset);
  for (const std::string& subset : endpoint.subsets) use(istio(subset), NameKind::subset);
  use(istio(endpoint.name), NameKind::subset_endpoint);
  return names;
}

}  // namespace fairlead::route
