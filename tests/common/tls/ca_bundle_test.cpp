#include "common/tls/ca_bundle.h"

#include "common/tls/private_file.h"
#include "tests/rendezvous/ca/shell.h"
#include "tests/support/doctest.h"
#include "tests/support/test_ca.h"

namespace fairlead::tls {
namespace {

using test::shell;

// CAs made by openssl beside the mesh's own.
struct BundleRig {
  Bytes der(const std::string& name) {
    const auto made = shell("cd " + dir + " && openssl x509 -in " + name + ".crt -outform DER -out " + name + ".der");
    REQUIRE_MESSAGE(made.status == 0, made.output);
    return *read_whole_file(ca.scratch() / (name + ".der"), 8192);
  }
  // A certificate for the key and subject of `name`, signed by `issuer`: paths without .crt and .key.
  Bytes signed_by(const std::string& issuer, const std::string& name, const std::string& constraints) {
    const auto made =
        shell("cd " + dir + " && printf 'basicConstraints=critical," + constraints + "\n' > ext" +
              " && openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout " + name +
              ".key -subj /CN=" + name + " -out " + name + ".csr && openssl x509 -req -in " + name + ".csr -CA " +
              issuer + ".crt -CAkey " + issuer + ".key -set_serial 77 -days 9 -extfile ext" + " -out " + name + ".crt");
    REQUIRE_MESSAGE(made.status == 0, made.output);
    return der(name);
  }
  Bytes self_signed(const std::string& name) {
    const auto made = shell("cd " + dir + " && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes" +
                            " -keyout " + name + ".key -subj /CN=" + name + " -days 9 -out " + name + ".crt");
    REQUIRE_MESSAGE(made.status == 0, made.output);
    return der(name);
  }

  test::TestCa ca;
  const std::string dir = ca.scratch().string();
  const std::vector<Bytes> trusted = ca.credentials("agent/home/nas1")->ca_der();
};

TEST_CASE("what is trusted already stays, once each") {
  BundleRig rig;
  const Bytes& root = rig.trusted.at(0);
  CHECK(vouched_for(rig.trusted, {root, root}) == std::vector<Bytes>{root});
  CHECK(vouched_for(rig.trusted, {}).empty());
  CHECK(vouched_for({}, {root}).empty());
}

TEST_CASE("a successor that the trusted CA signed is believed, a stranger's is not") {
  BundleRig rig;
  const Bytes next = rig.signed_by("ca/root", "next", "CA:TRUE");
  const Bytes stranger = rig.self_signed("stranger");
  const Bytes theirs = rig.signed_by("stranger", "theirs", "CA:TRUE");
  CHECK(vouched_for(rig.trusted, {stranger, rig.trusted[0], theirs, next}) == std::vector<Bytes>{rig.trusted[0], next});
  // What was vouched for in one answer vouches for nothing in the same one.
  const Bytes after = rig.signed_by("next", "after", "CA:TRUE");
  CHECK(vouched_for(rig.trusted, {next, after}) == std::vector<Bytes>{next});
}

TEST_CASE("a root that takes the trusted one's name is not believed for that") {
  BundleRig rig;
  const auto subject = shell("openssl x509 -noout -subject -nameopt RFC2253 -in " + rig.dir + "/ca/root.crt").output;
  const std::string name = subject.substr(subject.find('=') + 1, subject.find('\n') - subject.find('=') - 1);
  std::string slashes = "/" + name;
  for (auto at = slashes.find(','); at != std::string::npos; at = slashes.find(',')) slashes[at] = '/';
  const auto made = shell("cd " + rig.dir +
                          " && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout twin.key" +
                          " -subj '" + slashes + "' -days 9 -out twin.crt");
  REQUIRE_MESSAGE(made.status == 0, made.output);
  CHECK(vouched_for(rig.trusted, {rig.der("twin")}).empty());
}

TEST_CASE("a leaf is no CA, and a CA that may sign leaves only makes none") {
  BundleRig rig;
  CHECK(vouched_for(rig.trusted, {rig.signed_by("ca/root", "leaf", "CA:FALSE")}).empty());
  const Bytes small = rig.signed_by("ca/root", "small", "CA:TRUE,pathlen:0");
  const Bytes under = rig.signed_by("small", "under", "CA:TRUE");
  CHECK(vouched_for({rig.trusted[0], small}, {under}).empty());
  const Bytes large = rig.signed_by("ca/root", "large", "CA:TRUE");
  const Bytes below = rig.signed_by("large", "below", "CA:TRUE");
  CHECK(vouched_for({rig.trusted[0], large}, {below}).size() == 1);
}

TEST_CASE("what is no certificate is left out") {
  BundleRig rig;
  CHECK(vouched_for(rig.trusted, {{}, {0x30, 0}, Bytes(300, 0xff)}).empty());
  Bytes broken = rig.signed_by("ca/root", "next", "CA:TRUE");
  broken.back() ^= 1;
  CHECK(vouched_for(rig.trusted, {broken}).empty());
}

}  // namespace
}  // namespace fairlead::tls
