#include "common/net/file_watch.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/common/net/rig.h"

namespace fairlead::net {
namespace {

using namespace fairlead::net::test;
namespace fs = std::filesystem;

// Sooner than by looking now and then.
constexpr Duration kTold = kFileCheck - 1s;

struct Folder {
  Folder() {
    char name[] = "/tmp/fairlead-file-watch-XXXXXX";
    REQUIRE(::mkdtemp(name) != nullptr);
    path = name;
  }
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
  void write(const std::string& file, const std::string& content) const {
    fs::create_directories((path / file).parent_path());
    std::ofstream(path / file) << content;
  }
  std::string at(const std::string& file) const { return (path / file).string(); }
  fs::path path;
};

struct Rig {
  explicit Rig(const Folder& folder)
      : watch(worker.loop, {folder.at("tls.crt"), folder.at("tls.key"), folder.at("ca.crt")}, [this] { ++changes; }) {}
  bool told(int count) {
    return worker.until([&] { return changes == count; }, kTold);
  }
  Worker worker;
  int changes = 0;
  FileWatch watch;
};

TEST_CASE("a file that is rewritten, replaced, removed and there again") {
  const Folder folder;
  folder.write("tls.crt", "one");
  Rig rig(folder);
  folder.write("tls.crt", "one and two");
  CHECK(rig.told(1));
  folder.write("new", "three");
  fs::rename(folder.path / "new", folder.path / "tls.crt");
  CHECK(rig.told(2));
  fs::remove(folder.path / "tls.crt");
  CHECK(rig.told(3));
  folder.write("tls.crt", "four");
  CHECK(rig.told(4));
}

TEST_CASE("a link to a folder that is swapped, as with Kubernetes secrets") {
  const Folder folder;
  folder.write("v1/tls.crt", "one");
  folder.write("v2/tls.crt", "another");
  fs::create_symlink("v1", folder.path / "..data");
  fs::create_symlink("..data/tls.crt", folder.path / "tls.crt");
  Rig rig(folder);
  fs::create_symlink("v2", folder.path / "..data_tmp");
  fs::rename(folder.path / "..data_tmp", folder.path / "..data");
  CHECK(rig.told(1));
  // And what the link leads to now is watched.
  folder.write("v2/tls.crt", "rewritten in its place");
  CHECK(rig.told(2));
}

TEST_CASE("other files of the folder are none of its business") {
  const Folder folder;
  folder.write("tls.crt", "one");
  Rig rig(folder);
  folder.write("tls.crt.bak", "one");
  CHECK_FALSE(rig.worker.until([&] { return rig.changes > 0; }, 2 * kFileSettle));
  folder.write("tls.crt", "two!");
  CHECK(rig.told(1));
}

TEST_CASE("another folder takes the place of theirs") {
  const Folder folder;
  for (const char* name : {"live", "next", "last"}) folder.write(std::string(name) + "/tls.crt", name);
  Worker worker;
  int changes = 0;
  const std::string file = folder.at("live/tls.crt");
  const FileWatch watch(worker.loop, {file, file, file}, [&] { ++changes; });
  const auto told = [&](int count) { return worker.until([&] { return changes == count; }, kTold); };
  fs::rename(folder.path / "live", folder.path / "old");
  fs::rename(folder.path / "next", folder.path / "live");
  CHECK(told(1));
  // And that one is watched now.
  folder.write("live/tls.crt", "rewritten in its place");
  CHECK(told(2));
  fs::rename(folder.path / "live", folder.path / "older");
  fs::rename(folder.path / "last", folder.path / "live");
  CHECK(told(3));
}

TEST_CASE("a folder that is not there yet is looked for") {
  const Folder folder;
  Worker worker;
  int changes = 0;
  const std::string file = folder.at("later/tls.crt");
  const FileWatch watch(worker.loop, {file, file, file}, [&] { ++changes; });
  folder.write("later/tls.crt", "one");
  CHECK(worker.until([&] { return changes == 1; }, kFileCheck + 5s));
}

}  // namespace
}  // namespace fairlead::net
