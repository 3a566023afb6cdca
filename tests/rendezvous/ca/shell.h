#pragma once
// Runs a program through the shell and gives back what it printed: openssl as a second opinion on what we write.
#include <cstdio>
#include <string>
#include <string_view>

namespace fairlead::test {

struct ShellResult {
  int status = -1;
  std::string output;  // stdout and stderr
};

inline ShellResult shell(const std::string& command) {
  ShellResult result;
  FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
  if (pipe == nullptr) return result;
  char block[4096];
  while (const std::size_t n = std::fread(block, 1, sizeof block, pipe)) result.output.append(block, n);
  result.status = ::pclose(pipe);
  return result;
}

inline bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace fairlead::test
