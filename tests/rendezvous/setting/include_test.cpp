// Files that rendezvous.toml includes, in a folder made for the test.
#include <doctest/doctest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "rendezvous/setting/config.h"

using namespace fairlead;
using namespace fairlead::rendezvous;

namespace {

class Folder {
 public:
  Folder() {
    std::string name = std::filesystem::temp_directory_path() / "fairlead-include-XXXXXX";
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
    std::filesystem::create_directory(path_ / "conf.d");
  }
  ~Folder() { std::filesystem::remove_all(path_); }

  std::string path(const std::string& name) const { return path_ / name; }
  void write(const std::string& name, const std::string& text) const { std::ofstream(path(name)) << text; }
  // With `include = [LIST]` on line 3.
  Result<Loaded> load(const std::string& list, const std::string& more = "") const {
    write("rv.toml", "[server]\nlisten = ['0.0.0.0:1']\ninclude = [" + list +
                         "]\n[identity]\ncert = 'c'\nkey = 'k'\nca = 'a'\n" + more);
    return load_config(path("rv.toml"));
  }

 private:
  std::filesystem::path path_;
};

}  // namespace

TEST_CASE("included files add rules, ports and listeners in the order of their names") {
  const Folder folder;
  folder.write("conf.d/20.toml",
               "[[policy]]\nendpoints = ['second']\n[[port]]\nlisten = '0.0.0.0:3'\nservice = 'a.b'\n");
  folder.write("conf.d/10.toml", "[[policy]]\nendpoints = ['first']\n[[listener]]\naddress = '0.0.0.0:2'\n[x-notes]\n");
  folder.write("conf.d/ignored.txt", "not TOML");
  const auto loaded = folder.load("'conf.d/*.toml'", "[[policy]]\nendpoints = ['own']\n");
  if (!loaded) FAIL(loaded.error().detail);
  REQUIRE(loaded->config.policy.size() == 3);
  CHECK(loaded->config.policy[0].endpoints == std::vector<std::string>{"own"});
  CHECK(loaded->config.policy[1].endpoints == std::vector<std::string>{"first"});
  CHECK(loaded->config.policy[2].endpoints == std::vector<std::string>{"second"});
  CHECK(loaded->config.listeners.size() == 2);
  CHECK(loaded->config.ports.size() == 1);
}

TEST_CASE("a pattern without matches is no error, a missing file is") {
  const Folder folder;
  const auto none = folder.load("'conf.d/*.toml', 'nowhere/*.toml'");
  REQUIRE(none);
  CHECK(none->config.policy == std::vector{default_rule()});
  const auto missing = folder.load("'conf.d/a.toml'");
  REQUIRE_FALSE(missing);
  CHECK(missing.error().detail ==
        folder.path("rv.toml") +
            ":3: server.include[1]: no such file; allowed: a file, or a pattern with * or ? in its last part");
}

TEST_CASE("a file that two patterns match is read once") {
  const Folder folder;
  folder.write("conf.d/a.toml", "[[listener]]\naddress = '0.0.0.0:2'\n");
  const auto loaded = folder.load("'conf.d/*.toml', 'conf.d/a.toml'");
  if (!loaded) FAIL(loaded.error().detail);
  CHECK(loaded->config.listeners.size() == 2);
}

TEST_CASE("problems name the included file") {
  const Folder folder;
  const auto error = [&folder](const std::string& text) {
    folder.write("conf.d/a.toml", text);
    const auto loaded = folder.load("'conf.d/a.toml'");
    return loaded ? std::string() : loaded.error().detail;
  };
  const std::string file = folder.path("conf.d/a.toml");
  CHECK(error("\n[[listener]]\naddress = 'x'\n").starts_with(file + ":3: listener[1].address: "));
  CHECK(error("[[listener]]\naddress = '0.0.0.0:1'\n")
            .starts_with(file + ":2: listener[1].address: 0.0.0.0:1 is listened on twice"));
  CHECK(error("[server]\nlisten = []\n") == file + ":1: server: unknown key; allowed: listener, policy, port");
  CHECK(error("include = ['b.toml']\n").starts_with(file + ":1: include: unknown key"));
  CHECK(error("[[listener]\n").starts_with(file + ":1: listener: "));
  CHECK(error("[[policy]]\nagent = 'x'\n").starts_with(file + ":2: policy[1].agent: "));
}

TEST_CASE("a folder is no file") {
  const Folder folder;
  const auto loaded = folder.load("'conf.d'");
  REQUIRE_FALSE(loaded);
  CHECK(loaded.error().detail == folder.path("conf.d") + ": cannot be read: Is a directory");
}

TEST_CASE("check looks for the files of [identity]") {
  const Folder folder;
  const auto loaded = folder.load("");
  REQUIRE(loaded);
  const std::string file = folder.path("rv.toml");
  const auto missing = check_files(loaded->config, file);
  REQUIRE_FALSE(missing);
  CHECK(missing.error().detail.starts_with(file + ": identity.cert: " + folder.path("c") + ": No such file"));
  for (const char* name : {"c", "k", "a"}) folder.write(name, "");
  CHECK(check_files(loaded->config, file));
}
