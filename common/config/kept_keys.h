#pragma once
// Keys that a reload cannot apply: the running value stays, and the key is named where the file says another. Pure.
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fairlead::config {

class KeptKeys {
 public:
  template <class T>
  void keep(std::string_view key, const T& running, T& wanted) {
    if (running == wanted) return;
    names_.emplace_back(key);
    wanted = running;
  }
  std::vector<std::string> take_names() { return std::move(names_); }

 private:
  std::vector<std::string> names_;
};

}  // namespace fairlead::config
