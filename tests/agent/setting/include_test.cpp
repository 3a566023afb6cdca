// Files that agent.toml includes, in a folder made for the test.
#include <doctest/doctest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "agent/setting/config.h"

namespace fairlead::agent {
namespace {

// Its own name is none of the patterns inside it.
class Folder {
 public:
  Folder() {
    std::string name = std::filesystem::temp_directory_path() / "fairlead-[include]*-XXXXXX";
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
    std::filesystem::create_directory(path_ / "services.d");
  }
  ~Folder() { std::filesystem::remove_all(path_); }

  std::string path(const std::string& name) const { return path_ / name; }
  void write(const std::string& name, const std::string& text) const { std::ofstream(path(name)) << text; }
  // `more` begins on line 3, inside [agent].
  Result<Loaded> load(const std::string& more = "") const {
    write("agent.toml", "[agent]\nrendezvous = ['rv:1']\n" + more +
                            "\n[identity]\ncert = 'c'\nkey = 'k'\nca = 'a'\n[[service]]\n" +
                            "name = 'own'\ntarget = 'a:1'\n");
    return load_config(path("agent.toml"));
  }
  std::vector<std::string> names(const std::string& more = "") const {
    const auto loaded = load(more);
    if (!loaded) return {loaded.error().detail};
    std::vector<std::string> out;
    for (const ServiceConfig& service : loaded->config.services) out.push_back(service.name);
    return out;
  }

 private:
  std::filesystem::path path_;
};

using Names = std::vector<std::string>;

TEST_CASE("services of services.d stand behind those of the file, in the order of the files' names") {
  const Folder folder;
  CHECK(folder.names() == Names{"own"});
  folder.write("services.d/web.toml", "[[service]]\nname = 'web'\ntarget = 'a:2'\n");
  folder.write("services.d/db.toml", "[[service]]\nname = 'db'\ntarget = 'a:3'\n[x-notes]\n");
  folder.write("services.d/web.toml.new", "half a fi");
  CHECK(folder.names() == Names{"own", "db", "web"});
  CHECK(folder.names("include = []") == Names{"own"});
  CHECK(folder.names("include = ['services.d/web.toml']") == Names{"own", "web"});
}

TEST_CASE("a service knows its file") {
  const Folder folder;
  folder.write("services.d/web.toml", "[[service]]\nname = 'web'\ntarget = 'a:2'\n");
  const auto loaded = folder.load();
  REQUIRE(loaded);
  CHECK(loaded->config.services[0].file == folder.path("agent.toml"));
  CHECK(loaded->config.services[1].file == folder.path("services.d/web.toml"));
}

TEST_CASE("a folder that is not there holds nothing; one that cannot be read is refused") {
  const Folder folder;
  std::filesystem::create_symlink("circle", folder.path("circle"));
  CHECK(folder.names("include = ['none/*.toml', 'agent.toml/*']") == Names{"own"});
  CHECK_MESSAGE(folder.names("include = ['circle/*.toml']") ==
                    Names{folder.path("agent.toml") + ":3: agent.include[1]: the folder cannot be read; allowed: a "
                                                      "file, or a pattern with * or ? in its last part"},
                folder.names("include = ['circle/*.toml']").front());
}

TEST_CASE("a pattern's * stands for any characters, its ? for one, in its last part alone") {
  const Folder folder;
  for (const std::string name : {"a", "ab", "abc", "aXbXc"}) {
    folder.write("services.d/" + name + ".toml",
                 "[[service]]\nname = '" + std::to_string(name.size()) + "'\ntarget = 'a:1'\n");
  }
  folder.write("services.d/.a.toml", "half a fi");
  const auto found = [&folder](const std::string& pattern) {
    Names names = folder.names("include = ['services.d/" + pattern + "']");
    names.erase(names.begin());
    return names;
  };
  CHECK(found("*") == Names{"1", "5", "2", "3"});
  CHECK(found("?.toml") == Names{"1"});
  CHECK(found("??.toml") == Names{"2"});
  CHECK(found("a*c.toml") == Names{"5", "3"});
  CHECK(found("a*b*c.t*l*") == Names{"5", "3"});
  CHECK(found("*b.toml") == Names{"2"});
  CHECK(found("*bc.tom") == Names{});
  CHECK(folder.names("include = ['absent.d/*.toml']") == Names{"own"});
  CHECK(folder.names("include = ['*/a.toml']")[0].find("a folder with a wildcard") != std::string::npos);
}

TEST_CASE("paths of an included file begin at its own folder") {
  const Folder folder;
  folder.write(
      "services.d/web.toml",
      "[[service]]\nname = 'web'\ntarget = 'unix:web.sock'\ntls = 'terminate'\ncert = 'w.crt'\nkey = 'w.key'\n");
  const auto loaded = folder.load();
  REQUIRE(loaded);
  CHECK(loaded->config.services[1].target == Target{UnixPath{folder.path("services.d/web.sock")}});
  CHECK(loaded->config.services[1].cert == folder.path("services.d/w.crt"));
}

TEST_CASE("problems name the included file and its line, and only services may stand there") {
  const Folder folder;
  const auto error = [&folder](const std::string& text) {
    folder.write("services.d/web.toml", text);
    const auto loaded = folder.load();
    return loaded ? std::string() : loaded.error().detail;
  };
  const std::string file = folder.path("services.d/web.toml");
  CHECK(error("\n[[service]]\nname = 'W'\n").starts_with(file + ":3: service[1].name: "));
  CHECK(error("[[service]]\nname = 'own'\ntarget = 'a:2'\n")
            .starts_with(file + ":2: service[1].name: \"own\" is the name of an earlier [[service]]"));
  CHECK(error("[agent]\nname = 'x'\n") == file + ":1: agent: unknown key; allowed: service");
  CHECK(error("include = ['b.toml']\n").starts_with(file + ":1: include: unknown key"));
  CHECK(error("[[service]\n").starts_with(file + ":1: service: "));
}

TEST_CASE("the control socket is found whatever the rest of the file holds") {
  const Folder folder;
  folder.write("services.d/web.toml", "half a fi");
  REQUIRE_FALSE(folder.load("control = 'unix:a.sock'"));
  CHECK(load_control_path(folder.path("agent.toml")) == folder.path("a.sock"));
  folder.write("agent.toml", "[nat]\nmaping = 'off'\n");
  CHECK(load_control_path(folder.path("agent.toml")) == AgentConfig().control_path);
  folder.write("agent.toml", "[agent]\ncontrol = 'a.sock'\n");
  CHECK(load_control_path(folder.path("agent.toml")).error().detail.starts_with(folder.path("agent.toml") + ":2: "));
  folder.write("agent.toml", "[agent\n");
  CHECK_FALSE(load_control_path(folder.path("agent.toml")));
  CHECK_FALSE(load_control_path(folder.path("none.toml")));
}

}  // namespace
}  // namespace fairlead::agent
