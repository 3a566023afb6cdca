#pragma once
// A configuration that could be used, and what its owner should hear about it.
#include <string>
#include <vector>

namespace fairlead::config {

template <class T>
struct Loaded {
  T config;
  std::vector<std::string> warnings;  // one line each, in the form of errors; only UnknownKeys::warn makes any
};

}  // namespace fairlead::config
