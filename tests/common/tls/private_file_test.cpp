#include "common/tls/private_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/doctest.h"
#include "tests/support/test_ca.h"

using namespace fairlead;
using namespace fairlead::test;
using namespace fairlead::tls;
namespace fs = std::filesystem;

TEST_CASE("a created file has its content and mode whatever the umask") {
  const TempDir temp;
  const mode_t before = ::umask(0077);
  CHECK(create_file(temp.path() / "a", as_bytes("content"), fs::perms(0644)));
  ::umask(before);
  CHECK(fs::status(temp.path() / "a").permissions() == fs::perms(0644));
  CHECK(as_text(read_whole_file(temp.path() / "a", 100).value()) == "content");
}

TEST_CASE("a folder that is made is not others' to write in, whatever the umask") {
  const TempDir temp;
  const mode_t before = ::umask(0);
  make_directories(temp.path() / "services.d");
  ::umask(before);
  CHECK(fs::status(temp.path() / "services.d").permissions() == fs::perms(0755));
}

TEST_CASE("create does not overwrite, replace does") {
  const TempDir temp;
  const fs::path file = temp.path() / "a";
  CHECK(create_file(file, as_bytes("one"), fs::perms(0600)));
  const auto refused = create_file(file, as_bytes("two"), fs::perms(0600));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().reason == Reason::io_failed);
  CHECK(as_text(read_whole_file(file, 100).value()) == "one");
  fs::permissions(file, fs::perms(0644));
  CHECK(create_file(temp.path() / "a.new", as_bytes("left by a crash"), fs::perms(0600)));
  CHECK(replace_private_file(file, as_bytes("two")));
  CHECK(as_text(read_whole_file(file, 100).value()) == "two");
  CHECK(fs::status(file).permissions() == fs::perms(0600));
  CHECK_FALSE(fs::exists(temp.path() / "a.new"));
}

TEST_CASE("a removed file is gone, and one that is not there is no error") {
  const TempDir temp;
  CHECK(create_file(temp.path() / "a", as_bytes("one"), fs::perms(0600)));
  CHECK(remove_file(temp.path() / "a"));
  CHECK_FALSE(fs::exists(temp.path() / "a"));
  CHECK(remove_file(temp.path() / "a"));
  CHECK(remove_file(temp.path() / "none" / "a"));
  CHECK(remove_file(temp.path()).error().reason == Reason::io_failed);
}

TEST_CASE("an own file is a regular one of this user, and no link") {
  const TempDir temp;
  const fs::path file = temp.path() / "state";
  REQUIRE(replace_private_file(file, as_bytes(std::string_view("12"))));
  CHECK(read_own_file(file, 10).value().size() == 2);
  fs::create_symlink(file, temp.path() / "link");
  CHECK_FALSE(read_own_file(temp.path() / "link", 10));
  CHECK(read_whole_file(temp.path() / "link", 10));
  REQUIRE(::mkfifo((temp.path() / "fifo").c_str(), 0600) == 0);
  CHECK_FALSE(read_own_file(temp.path() / "fifo", 10));  // and does not wait for a writer
  CHECK_FALSE(read_own_file(temp.path(), 10));
  if (::geteuid() == 0 && ::chown(file.c_str(), 65534, 65534) == 0) CHECK_FALSE(read_own_file(file, 10));
}

TEST_CASE("whether a folder can be written shows at once, and leaves nothing there") {
  const TempDir temp;
  CHECK(check_writable(temp.path() / "made" / "here"));
  CHECK(fs::is_empty(temp.path() / "made" / "here"));
  const auto blocked = check_writable("/dev/null/state");
  REQUIRE_FALSE(blocked);
  CHECK(blocked.error().reason == Reason::state_unwritable);
  CHECK(blocked.error().detail.find("/dev/null/state") != std::string::npos);
}

TEST_CASE("reading has a limit and names what is wrong") {
  const TempDir temp;
  const fs::path file = temp.path() / "a";
  CHECK(create_file(file, Bytes(5000, 'x'), fs::perms(0600)));
  CHECK(read_whole_file(file, 5000)->size() == 5000);
  CHECK_FALSE(read_whole_file(file, 4999));
  const auto missing = read_whole_file(temp.path() / "b", 10);
  REQUIRE_FALSE(missing);
  CHECK(missing.error().detail.find((temp.path() / "b").string()) == 0);
  CHECK_FALSE(read_whole_file(temp.path(), 10));
}
