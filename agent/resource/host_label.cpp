#include "agent/resource/host_label.h"

#include <unistd.h>

#include <array>

#include "common/base/pattern.h"

namespace fairlead::agent {

std::string host_label() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return "";
  const std::string full = normalize_name(name.data());
  const std::string label = full.substr(0, full.find('.'));
  return is_label(label) ? label : "";
}

}  // namespace fairlead::agent
