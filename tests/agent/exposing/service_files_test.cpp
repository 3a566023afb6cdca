#include "agent/exposing/service_files.h"

#include "tests/agent/exposing/folder.h"

namespace fairlead::agent {
namespace {

using Kind = ServicePlace::Kind;
using test::Folder;
using test::service;

TEST_CASE("a service that was written is read, and is found in its file") {
  const Folder folder;
  ServiceFiles files(folder.config());
  REQUIRE(files.write(service("web=tcp://127.0.0.1:80")));
  const AgentConfig config = folder.load();
  REQUIRE(config.services.size() == 2);
  CHECK(config.services[1].name == "web");
  CHECK(config.services[1].tls == Tls::terminate);
  CHECK(files.find(config, "web").kind == Kind::own);
  CHECK(files.find(config, "web").file == folder.path("services.d/web.toml"));
  CHECK(files.find(config, "own").kind == Kind::elsewhere);
  CHECK(files.find(config, "own").file == folder.config());
  CHECK(files.find(config, "db").kind == Kind::nowhere);
}

TEST_CASE("its file may hold others, and another file may hold it") {
  const Folder folder;
  const ServiceFiles files(folder.config());
  folder.write("services.d/web.toml",
               "[[service]]\nname = 'web'\ntarget = 'a:1'\n[[service]]\nname = 'shop'\ntarget = 'a:1'\n");
  CHECK(files.find(folder.load(), "web").kind == Kind::own_shared);
  CHECK(files.find(folder.load(), "shop").kind == Kind::elsewhere);
  CHECK(files.is_there("web"));
  CHECK_FALSE(files.is_there("shop"));
}

TEST_CASE("changes are taken back, the last one first") {
  const Folder folder;
  folder.write("services.d/web.toml", "# as it was\n");
  folder.write("services.d/db.toml", "# too\n");
  const auto before = folder.files();
  ServiceFiles files(folder.config());
  REQUIRE(files.write(service("web=a:1")));
  REQUIRE(files.write(service("web=a:2")));
  REQUIRE(files.write(service("new=a:3")));
  REQUIRE(files.remove("db"));
  CHECK(files.remove("none"));
  CHECK(folder.files().size() == 2);
  REQUIRE(files.undo());
  CHECK(folder.files() == before);
}

TEST_CASE("what fails has changed nothing") {
  const Folder folder;
  std::filesystem::create_directory(folder.path("services.d/web.toml"));
  std::filesystem::create_directory(folder.path("services.d/db.toml.new"));
  ServiceFiles files(folder.config());
  CHECK(files.write(service("web=a:1")).error().reason == Reason::io_failed);
  CHECK(files.remove("web").error().reason == Reason::io_failed);
  CHECK(files.write(service("db=a:1")).error().reason == Reason::io_failed);
  CHECK(files.undo());
  CHECK(std::filesystem::is_directory(folder.path("services.d/web.toml")));
}

}  // namespace
}  // namespace fairlead::agent
