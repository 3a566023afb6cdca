#pragma once
// A unix socket as a configuration names it.
#include <string>

namespace fairlead::agent {

struct UnixPath {
  std::string path;
  bool operator==(const UnixPath&) const = default;
};

}  // namespace fairlead::agent
