#include "common/tls/private_file.h"

#include <sys/stat.h>

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
