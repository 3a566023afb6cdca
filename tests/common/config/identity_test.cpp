#include "common/config/identity.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "tests/support/doctest.h"

namespace fairlead::config {
namespace {

namespace fs = std::filesystem;

struct Files {
  Files() {
    std::string name = (fs::temp_directory_path() / "identity.XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    dir = name;
    for (const char* each : {"cert", "key", "ca"}) std::ofstream(dir / each) << "not looked at";
  }
  ~Files() { fs::remove_all(dir); }
  IdentityConfig identity() const {
    return {.cert = (dir / "cert").string(), .key = (dir / "key").string(), .ca = (dir / "ca").string()};
  }
  fs::path dir;
};

bool names(const Error& error, std::string_view what) {
  return error.reason == Reason::config_invalid && error.detail.starts_with("agent.toml: ") &&
         error.detail.find(what) != std::string::npos;
}

TEST_CASE("three files that can be opened are an identity, whatever is in them") {
  const Files files;
  CHECK(check_identity_files(files.identity(), "agent.toml"));
}

TEST_CASE("each of the three that is missing or no file is named by its key") {
  for (const std::string key : {"cert", "key", "ca"}) {
    CAPTURE(key);
    const Files files;
    fs::remove(files.dir / key);
    auto checked = check_identity_files(files.identity(), "agent.toml");
    REQUIRE_FALSE(checked);
    CHECK(names(checked.error(), "identity." + key + ": "));
    CHECK(names(checked.error(), "No such file"));
    fs::create_directory(files.dir / key);
    checked = check_identity_files(files.identity(), "agent.toml");
    REQUIRE_FALSE(checked);
    CHECK(names(checked.error(), "is not a regular file"));
  }
}

TEST_CASE("a socket's path may be free, a socket or not said at all; nothing else is replaced") {
  const Files files;
  const std::string path = (files.dir / "admin").string();
  CHECK(check_socket_path("", "server.admin", "agent.toml"));
  CHECK(check_socket_path(path, "server.admin", "agent.toml"));

  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  REQUIRE(path.copy(static_cast<char*>(address.sun_path), sizeof address.sun_path - 1) == path.size());
  REQUIRE(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  ::close(fd);
  CHECK(check_socket_path(path, "server.admin", "agent.toml"));

  // Not even a link to a socket: whoever made it would have it replaced.
  fs::create_symlink(path, files.dir / "link");
  for (const fs::path& taken : {files.dir / "cert", files.dir / "link", files.dir}) {
    const auto checked = check_socket_path(taken.string(), "server.admin", "agent.toml");
    REQUIRE_FALSE(checked);
    CHECK(names(checked.error(), "server.admin: " + taken.string()));
  }
}

}  // namespace
}  // namespace fairlead::config
