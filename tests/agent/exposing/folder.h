#pragma once
// A folder with an agent.toml that holds one service, "own", and with files of services.d.
#include <fstream>
#include <map>
#include <string>

#include "agent/setting/exposed.h"
#include "tests/support/doctest.h"
#include "tests/support/test_ca.h"

namespace fairlead::agent::test {

class Folder {
 public:
  Folder() {
    write("agent.toml", "");
    std::filesystem::create_directory(dir_.path() / "services.d");
  }

  std::string config() const { return path("agent.toml"); }
  std::string path(const std::string& name) const { return (dir_.path() / name).string(); }
  // agent.toml: `text` stands in [agent].
  void write(const std::string& name, const std::string& text) const {
    std::ofstream file(path(name));
    if (name != "agent.toml") {
      file << text;
      return;
    }
    file << "[agent]\nrendezvous = ['rv:1']\n"
         << text << "\n[identity]\ncert = 'c'\nkey = 'k'\nca = 'a'\n[[service]]\nname = 'own'\ntarget = 'a:1'\n";
  }
  // Those of services.d, with their texts.
  std::map<std::string, std::string> files() const {
    std::map<std::string, std::string> out;
    for (const auto& each : std::filesystem::directory_iterator(dir_.path() / "services.d")) {
      std::ifstream file(each.path());
      out[each.path().filename().string()] = {std::istreambuf_iterator<char>(file), {}};
    }
    return out;
  }
  AgentConfig load() const {
    auto loaded = load_config(config());
    REQUIRE_MESSAGE(loaded, loaded.error().detail);
    return std::move(loaded->config);
  }

 private:
  fairlead::test::TempDir dir_;
};

inline ServiceConfig service(const std::string& argument) {
  auto out = parse_exposed(argument);
  REQUIRE(out);
  return std::move(*out);
}

}  // namespace fairlead::agent::test
