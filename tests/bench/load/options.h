#pragma once
// The words after bench_client's mode: `--name value` pairs.
#include <cstdlib>
#include <map>
#include <optional>
#include <string>

#include "common/base/ip.h"

namespace fairlead::bench {

class Options {
 public:
  Options(int argc, char** argv) {
    for (int i = 2; i + 1 < argc; i += 2) values_[argv[i]] = argv[i + 1];
  }
  std::string text(const std::string& name, const std::string& otherwise) const {
    const auto found = values_.find(name);
    return found == values_.end() ? otherwise : found->second;
  }
  std::uint64_t number(const std::string& name, std::uint64_t otherwise) const {
    return std::strtoull(text(name, std::to_string(otherwise)).c_str(), nullptr, 10);
  }
  double seconds(const std::string& name, double otherwise) const {
    return std::strtod(text(name, std::to_string(otherwise)).c_str(), nullptr);
  }

 private:
  std::map<std::string, std::string> values_;
};

}  // namespace fairlead::bench
