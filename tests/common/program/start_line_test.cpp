#include "common/program/start_line.h"

#include <fstream>

#include "tests/support/doctest.h"
#include "tests/support/test_ca.h"

namespace fairlead::program {
namespace {

using config::User;

struct Host {
  Host() { std::filesystem::create_directories(root / "run/systemd/system"); }
  void install(const std::string& folder) const {
    std::filesystem::create_directories(root / folder);
    std::ofstream(root / folder / "fairlead-agent.service") << "";
  }
  std::string line(const std::string& config, User user = User::root, Found found = Found::alone) const {
    return start_line("fairlead-agent", config, user, found, root.string());
  }
  test::TempDir dir;
  std::filesystem::path root = dir.path();
};

constexpr const char* kSystem = "/etc/fairlead/agent.toml";
constexpr const char* kUnit = "systemctl enable --now fairlead-agent";

TEST_CASE("root starts the unit where there is one") {
  for (const char* folder : {"etc/systemd/system", "usr/lib/systemd/system", "lib/systemd/system"}) {
    const Host host;
    CHECK(host.line(kSystem) == "fairlead-agent run");
    host.install(folder);
    CHECK(host.line(kSystem) == kUnit);
    CHECK(host.line(kSystem, User::root, Found::by_option) == kUnit);
  }
}

TEST_CASE("whoever else, and for another file, runs the program") {
  const Host host;
  host.install("etc/systemd/system");
  CHECK(host.line("/home/a/.config/fairlead/agent.toml", User::ordinary) == "fairlead-agent run");
  CHECK(host.line(kSystem, User::ordinary) == "fairlead-agent run");
  CHECK(host.line("/srv/d/agent.toml", User::root, Found::by_option) ==
        "fairlead-agent run --config /srv/d/agent.toml");
  CHECK(host.line("/etc/fairlead/other/agent.toml", User::root, Found::by_option) ==
        "fairlead-agent run --config /etc/fairlead/other/agent.toml");
  std::filesystem::remove_all(host.root / "run");
  CHECK(host.line(kSystem) == "fairlead-agent run");
}

}  // namespace
}  // namespace fairlead::program
