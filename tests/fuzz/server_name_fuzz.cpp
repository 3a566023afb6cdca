#include <algorithm>
#include <cstdint>

#include "common/base/bytes.h"
#include "common/base/check.h"
#include "common/base/pattern.h"
#include "common/wire/server_name.h"

// The input is a name and, after a line feed, a domain.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace fairlead;
  const std::string_view in = as_text(ByteView(data, size));
  const auto line = std::min(in.find('\n'), in.size());
  const std::string_view name = in.substr(0, line);
  const std::vector<std::string> domains{std::string(in.substr(std::min(line + 1, in.size()))), "mesh.example.com"};

  const auto istio = wire::parse_istio_name(name);
  if (istio) {
    CHECK(wire::is_istio_name(name) && istio->port != 0 && !istio->host.empty());
    CHECK("outbound_." + std::to_string(istio->port) + "_." + istio->subset + "_." + istio->host ==
          normalize_name(name));
  }
  const auto readings = wire::parse_mesh_name(name, domains);
  CHECK(readings.size() <= domains.size() + 1);
  CHECK(!istio || readings.empty());
  for (const wire::MeshName& reading : readings) {
    const std::string whole = reading.endpoint.empty() ? reading.service : reading.endpoint + "." + reading.service;
    CHECK(normalize_name(name).starts_with(whole));
    CHECK(reading.endpoint.empty() || is_label(reading.endpoint));
  }
  return 0;
}
