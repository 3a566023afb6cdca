#include "common/config/config_path.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <map>

using namespace fairlead::config;

namespace {

constexpr std::string_view kFile = "agent.toml";

ConfigPath path_for(User user, std::map<std::string, std::string> variables) {
  return default_config_path(kFile, user, [&variables](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  });
}

}  // namespace

TEST_CASE("without a variable root has /etc, everybody else a folder of their own") {
  const std::map<std::string, std::string> home{{"HOME", "/home/ann"}};
  CHECK(path_for(User::root, home) == ConfigPath{"/etc/fairlead/agent.toml", ConfigPath::Origin::usual});
  CHECK(path_for(User::ordinary, home).file == "/home/ann/.config/fairlead/agent.toml");
  CHECK(path_for(User::ordinary, {{"HOME", "/home/ann"}, {"XDG_CONFIG_HOME", "/x"}}).file == "/x/fairlead/agent.toml");
  CHECK(path_for(User::root, {{"XDG_CONFIG_HOME", "/x"}}).file == "/etc/fairlead/agent.toml");
}

TEST_CASE("what the directory specification ignores is ignored") {
  for (const char* ignored : {"", "relative"}) {
    CHECK(path_for(User::ordinary, {{"HOME", "/h"}, {"XDG_CONFIG_HOME", ignored}}).file ==
          "/h/.config/fairlead/agent.toml");
    CHECK(path_for(User::ordinary, {{"HOME", ignored}}).file == "/etc/fairlead/agent.toml");
  }
  CHECK(path_for(User::ordinary, {}).file == "/etc/fairlead/agent.toml");
}

TEST_CASE("FAIRLEAD_CONFIG names a file, which then has to be there") {
  for (const User user : {User::root, User::ordinary}) {
    CHECK(path_for(user, {{"FAIRLEAD_CONFIG", "a/b.toml"}, {"HOME", "/h"}}) ==
          ConfigPath{"a/b.toml", ConfigPath::Origin::named});
    CHECK(path_for(user, {{"FAIRLEAD_CONFIG", ""}, {"HOME", "/h"}}).origin == ConfigPath::Origin::usual);
  }
  CHECK_FALSE(is_absent({"/nowhere/agent.toml", ConfigPath::Origin::named}));
  CHECK(is_absent({"/nowhere/agent.toml", ConfigPath::Origin::usual}));
  CHECK(is_absent({"/dev/null/agent.toml", ConfigPath::Origin::usual}));
  CHECK_FALSE(is_absent({"/dev/null", ConfigPath::Origin::usual}));
}

TEST_CASE("--dir names the file in it") {
  CHECK(named_config("a.toml", "", kFile) == "a.toml");
  CHECK(named_config("", "d", kFile) == "d/agent.toml");
  CHECK(named_config("", "/d/", kFile) == "/d/agent.toml");
  CHECK(named_config("", "", kFile).empty());
  CHECK(find_config("a.toml", kFile) == ConfigPath{"a.toml", ConfigPath::Origin::named});
}

TEST_CASE("an absolute path is the same file from everywhere") {
  const std::string here = std::filesystem::current_path().string();
  CHECK(absolute_path("a/./b.toml") == here + "/a/b.toml");
  CHECK(absolute_path("/a//b/../c") == "/a/c");
}
