
#include <fstream>
#include <sstream>

#include "rendezvous/ca/ca.h"
#include "tests/rendezvous/ca/shell.h"
#include "tests/support/doctest.h"
#include "tests/support/test_ca.h"

using namespace fairlead;
using namespace fairlead::rendezvous;
using namespace fairlead::test;
namespace fs = std::filesystem;

namespace {

std::string text_of(const fs::path& file) {
  std::ostringstream out;
  out << std::ifstream(file).rdbuf();
  return out.str();
}

}  // namespace

TEST_CASE("init makes a root, an intermediate and the bundle, keys for their owner alone") {
  const TempDir temp;
  const fs::path dir = temp.path() / "new" / "ca";
  REQUIRE(ca_init({dir, "mesh.test", kTestNow}));
  CHECK(fs::status(dir).permissions() == fs::perms(0700));
  for (const char* key : {"root.key", "intermediate.key"})
    CHECK(fs::status(dir / key).permissions() == fs::perms(0600));
  CHECK(text_of(dir / "ca.crt") == text_of(dir / "root.crt"));
  const auto verified = shell("openssl verify -attime 1893456000 -CAfile " + (dir / "ca.crt").string() + " " +
                              (dir / "intermediate.crt").string());
  CHECK_MESSAGE(verified.status == 0, verified.output);
}

TEST_CASE("what openssl reads in the CA's certificates") {
  const TempDir temp;
  REQUIRE(ca_init({temp.path(), "mesh.test", kTestNow}));
  const std::string root = shell("openssl x509 -noout -text -in " + (temp.path() / "root.crt").string()).output;
  CHECK(contains(root, "X509v3 Basic Constraints: critical\n                CA:TRUE\n"));
  CHECK(contains(root, "X509v3 Key Usage: critical\n                Certificate Sign, CRL Sign\n"));
  CHECK(contains(root, "URI:spiffe://mesh.test\n"));
  CHECK(contains(root, "Not Before: Dec 31 23:00:00 2029 GMT"));
  CHECK(contains(root, "Not After : Dec 30 00:00:00 2039 GMT"));
  const std::string below =
      shell("openssl x509 -noout -text -in " + (temp.path() / "intermediate.crt").string()).output;
  CHECK(contains(below, "CA:TRUE, pathlen:0"));
  CHECK(contains(below, "X509v3 Authority Key Identifier"));
}

TEST_CASE("init overwrites nothing") {
  for (const char* present : {"root.crt", "root.key", "intermediate.crt", "intermediate.key", "ca.crt"}) {
    CAPTURE(present);
    const TempDir temp;
    std::ofstream(temp.path() / present) << "precious";
    const auto refused = ca_init({temp.path(), "mesh.test", kTestNow});
    REQUIRE_FALSE(refused);
    CHECK(refused.error().reason == Reason::config_invalid);
    CHECK(contains(refused.error().detail, present));
    CHECK(text_of(temp.path() / present) == "precious");
    CHECK(std::distance(fs::directory_iterator(temp.path()), {}) == 1);
  }
}

TEST_CASE("init refuses what is no trust domain, and makes nothing") {
  const TempDir temp;
  for (const std::string bad : {"", "Mesh.test", "mesh test", "mesh/test", "spiffe://mesh.test", "m\u00e9sh"}) {
    CAPTURE(bad);
    const auto refused = ca_init({temp.path() / "ca", bad, kTestNow});
    REQUIRE_FALSE(refused);
    CHECK(refused.error().reason == Reason::config_invalid);
    CHECK_FALSE(fs::exists(temp.path() / "ca"));
  }
  CHECK(ca_init({temp.path() / "ca", std::string(255, 'a'), kTestNow}));
}

TEST_CASE("init says where it cannot write") {
  const TempDir temp;
  std::ofstream(temp.path() / "file") << "in the way";
  const auto refused = ca_init({temp.path() / "file" / "ca", "mesh.test", kTestNow});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().reason == Reason::io_failed);
}

TEST_CASE("two CAs of one trust domain have different names") {
  const TestCa first;
  const TestCa second;
  const auto subject = [](const TestCa& ca) {
    return shell("openssl x509 -noout -subject -in " + ca.bundle().string()).output;
  };
  CHECK(subject(first) != subject(second));
}
