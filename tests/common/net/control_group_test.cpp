#include "common/net/control_group.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "common/net/socket.h"
#include "tests/support/doctest.h"

namespace fairlead::net {
namespace {

TEST_CASE("a group is found by its whole name") {
  const std::string text = "root:x:0:\nfairlead-old:x:7:\n# fairlead:x:8:\nfairlead:x:990:ann,bob\nfairlead:x:991:\n";
  CHECK(find_group(text, "fairlead") == 990);
  CHECK(find_group(text, "fairlead-old") == 7);
  CHECK(find_group("fairlead::12:", "fairlead") == 12);
  for (const char* none : {"", "fairlead", "fairlead:", "fairlead:x", "fairlead:x:", "fairlead:x:12",
                           "fairlead:x::", "fairlead:x:-1:", "fairlead:x:a:", "fairlead:x:99999999999:", "fairlea:x:1:",
                           "x:fairlead:1:", "fairlead:x:0:", "fairlead:x:1 :"}) {
    CAPTURE(none);
    CHECK_FALSE(find_group(none, "fairlead"));
  }
}

struct Rig {
  Rig() {
    char name[] = "/tmp/fairlead-group-XXXXXX";
    REQUIRE(::mkdtemp(name) != nullptr);
    folder = name;
    REQUIRE(listen_unix(socket()));
  }
  ~Rig() { std::filesystem::remove_all(folder); }
  std::string socket() const { return folder + "/control.sock"; }
  // The mode, after the group of that file was admitted.
  unsigned admitted(const std::string& groups) const {
    std::ofstream(folder + "/group") << groups;
    admit_control_group(socket(), (folder + "/group").c_str());
    return status().st_mode & 0777;
  }
  struct stat status() const {
    struct stat out{};
    REQUIRE(::lstat(socket().c_str(), &out) == 0);
    return out;
  }
  std::string folder;
};

TEST_CASE("a socket without such a group is root's alone") {
  const Rig rig;
  CHECK(rig.admitted("staff:x:50:\n") == 0600);
}

TEST_CASE("a root's socket is the group's, too") {
  const Rig rig;
  const unsigned mode = rig.admitted("fairlead:x:990:\n");
  CHECK(mode == (::geteuid() == 0 ? 0660 : 0600));
  if (::geteuid() == 0) CHECK(rig.status().st_gid == 990);
}

TEST_CASE("what a link in its place leads to is left alone") {
  const Rig rig;
  const std::string other = rig.folder + "/other";
  std::ofstream(other) << "";
  std::filesystem::permissions(other, std::filesystem::perms(0600));
  std::filesystem::remove(rig.socket());
  std::filesystem::create_symlink(other, rig.socket());
  rig.admitted("fairlead:x:990:\n");
  struct stat found{};
  REQUIRE(::stat(other.c_str(), &found) == 0);
  CHECK((found.st_mode & 0777) == 0600);
  CHECK(found.st_gid == ::getegid());
}

}  // namespace
}  // namespace fairlead::net
