#include "common/tls/credentials.h"

#include <cstdlib>
#include <fstream>

#include "tests/support/doctest.h"
#include "tests/support/test_ca.h"

using namespace fairlead;
using namespace fairlead::test;
using namespace fairlead::tls;
namespace fs = std::filesystem;

namespace {

std::string text_of(const fs::path& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

void write_text(const fs::path& file, const std::string& text) {
  std::ofstream(file) << text;
}

// One line that begins with the file at fault and holds `part`.
void check_refused(const IdentityFiles& files, const fs::path& at_fault, std::string_view part) {
  const auto refused = Credentials::load(files);
  REQUIRE_FALSE(refused);
  const Error& error = refused.error();
  CHECK(error.reason == Reason::config_invalid);
  CHECK_MESSAGE(error.detail.starts_with(at_fault.string() + ": "), error.detail);
  CHECK_MESSAGE(error.detail.find(part) != std::string::npos, error.detail);
  CHECK(error.detail.find('\n') == std::string::npos);
}

void openssl(const std::string& arguments) {
  REQUIRE(std::system(("openssl " + arguments + " 2>/dev/null").c_str()) == 0);
}

}  // namespace

TEST_CASE("credentials tell who they are and until when") {
  TestCa ca;
  const auto credentials = ca.credentials("agent/home/nas1", {.dns_names = {"nas1.home"}});
  CHECK(credentials->spiffe_id() == "spiffe://mesh.test/agent/home/nas1");
  CHECK(credentials->trust_domain() == "mesh.test");
  CHECK(credentials->not_before() == kTestNow - std::chrono::hours(1));
  CHECK(credentials->not_after() == kTestNow + std::chrono::days(90));
  CHECK(credentials->dns_names() == std::vector<std::string>{"nas1.home"});
  CHECK(credentials->chain_der().size() == 2);
  CHECK(credentials->leaf_hash() == crypto::sha256(credentials->chain_der()[0]));
  CHECK(credentials->warnings().empty());
}

TEST_CASE("the bundle's hash depends on its certificates, not on their order or repetition") {
  TestCa ca;
  TestCa other;
  IdentityFiles files = ca.issue("agent/a");
  const std::string one = text_of(ca.bundle());
  const std::string two = text_of(other.bundle());
  const auto hash_of = [&](const std::string& bundle) {
    files.ca = ca.scratch() / "bundle.crt";
    write_text(files.ca, bundle);
    return Credentials::load(files).value()->ca_hash();
  };
  CHECK(hash_of(one + two) == hash_of(two + one));
  CHECK(hash_of(one + one) == hash_of("# a comment\n" + one));
  CHECK(hash_of(one) != hash_of(two));
  CHECK(hash_of(one) != hash_of(one + two));
}

TEST_CASE("missing and unreadable files are named") {
  TestCa ca;
  const IdentityFiles good = ca.issue("agent/a");
  for (fs::path IdentityFiles::* member : {&IdentityFiles::cert, &IdentityFiles::key, &IdentityFiles::ca}) {
    IdentityFiles files = good;
    files.*member = ca.scratch() / "nowhere.pem";
    check_refused(files, files.*member, "No such file");
    write_text(ca.scratch() / "noise.pem", "noise");
    files.*member = ca.scratch() / "noise.pem";
    check_refused(files, files.*member, "not PEM");
    write_text(ca.scratch() / "broken.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    files.*member = ca.scratch() / "broken.pem";
    check_refused(files, files.*member, "can be read");
    files.*member = ca.scratch();
    check_refused(files, files.*member, "cannot read");
  }
}

TEST_CASE("a chain with an unreadable certificate is refused, not shortened") {
  TestCa ca;
  IdentityFiles files = ca.issue("agent/a");
  write_text(files.cert, text_of(files.cert) + "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
  check_refused(files, files.cert, "cannot be read");
}

TEST_CASE("a bundle with an unreadable certificate serves with a warning") {
  TestCa ca;
  IdentityFiles files = ca.issue("agent/a");
  files.ca = ca.scratch() / "bundle.crt";
  write_text(files.ca, text_of(ca.bundle()) + "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
  const auto credentials = Credentials::load(files);
  REQUIRE(credentials);
  REQUIRE((*credentials)->warnings().size() == 1);
  CHECK((*credentials)->warnings()[0].find("bundle.crt") != std::string::npos);
}

TEST_CASE("keys that do not fit") {
  TestCa ca;
  IdentityFiles files = ca.issue("agent/a");
  files.key = ca.issue("agent/b").key;
  check_refused(files, files.key, "does not belong");
  const std::string prefix = (ca.scratch() / "odd").string();
  openssl("ecparam -name secp384r1 -genkey -noout -out " + prefix + ".key");
  files.key = prefix + ".key";
  check_refused(files, files.key, "does not belong");
  openssl("ec -in " + prefix + ".key -aes128 -passout pass:x -out " + prefix + ".enc");
  files.key = prefix + ".enc";
  check_refused(files, files.key, "encrypted");
}

TEST_CASE("a key in PKCS#8 is as good") {
  TestCa ca;
  IdentityFiles files = ca.issue("agent/a");
  openssl("pkcs8 -topk8 -nocrypt -in " + files.key.string() + " -out " + files.key.string() + ".p8");
  files.key += ".p8";
  CHECK(Credentials::load(files));
}

TEST_CASE("certificates that are no mesh identity") {
  TestCa ca;
  const auto flawed = [&ca](Flaw flaw, std::string_view part) {
    const IdentityFiles files = ca.issue_flawed("agent/a", flaw);
    check_refused(files, files.cert, part);
  };
  flawed(Flaw::no_uri, "0 URI names");
  flawed(Flaw::two_uris, "2 URI names");
  flawed(Flaw::not_spiffe, "not a valid SPIFFE id");
  flawed(Flaw::is_ca, "CA certificate");
  CHECK(Credentials::load(ca.issue_flawed("agent/a", Flaw::none)));
}

TEST_CASE("a certificate for one side of TLS alone is a warning") {
  TestCa ca;
  for (const Flaw flaw : {Flaw::server_only, Flaw::client_only}) {
    const auto credentials = Credentials::load(ca.issue_flawed("agent/a", flaw));
    REQUIRE(credentials);
    REQUIRE((*credentials)->warnings().size() == 1);
    CHECK((*credentials)->warnings()[0].find("serverAuth and clientAuth") != std::string::npos);
  }
}

TEST_CASE("keys other than P-256 are refused") {
  TestCa ca;
  IdentityFiles files = ca.issue("agent/a");
  const std::string prefix = (ca.scratch() / "rsa").string();
  openssl("req -x509 -newkey rsa:2048 -nodes -subj /CN=x -addext subjectAltName=URI:spiffe://mesh.test/a -keyout " +
          prefix + ".key -out " + prefix + ".crt");
  files.cert = prefix + ".crt";
  files.key = prefix + ".key";
  check_refused(files, files.cert, "ECDSA P-256");
}

TEST_CASE("Ed25519 is named as what it is not") {
  TestCa ca;
  const IdentityFiles good = ca.issue("agent/a");
  const std::string prefix = (ca.scratch() / "ed").string();
  openssl("req -x509 -newkey ed25519 -nodes -subj /CN=x -addext subjectAltName=URI:spiffe://mesh.test/a -keyout " +
          prefix + ".key -out " + prefix + ".crt");
  check_refused({prefix + ".crt", prefix + ".key", good.ca}, prefix + ".key", "is not ECDSA P-256");
  check_refused({prefix + ".crt", good.key, good.ca}, prefix + ".crt", "is not ECDSA P-256");
}

TEST_CASE("a chain in another order is sent in the right one") {
  TestCa ca;
  const IdentityFiles files = ca.issue("agent/a");
  const auto right = Credentials::load(files).value();
  const std::string chain = text_of(files.cert);
  const std::size_t second = chain.rfind("-----BEGIN CERTIFICATE-----");
  const std::string leaf = chain.substr(0, second);
  const std::string intermediate = chain.substr(second);
  for (const std::string& order : {intermediate + leaf, text_of(ca.bundle()) + intermediate + leaf}) {
    write_text(files.cert, order);
    const auto credentials = Credentials::load(files);
    REQUIRE_MESSAGE(credentials, credentials.error().detail);
    CHECK((*credentials)->spiffe_id() == right->spiffe_id());
    CHECK((*credentials)->leaf_hash() == right->leaf_hash());
    REQUIRE((*credentials)->chain_der().size() >= 2);
    CHECK((*credentials)->chain_der()[0] == right->chain_der()[0]);
    CHECK((*credentials)->chain_der()[1] == right->chain_der()[1]);
    CHECK((*credentials)->warnings().empty());
  }
  write_text(files.cert, intermediate);
  check_refused(files, files.key, "does not belong");
}

TEST_CASE("whether it can be used now is told for who asks") {
  TestCa ca;
  const IdentityFiles files = ca.issue("agent/a");
  const auto credentials = Credentials::load(files).value();
  CHECK(credentials->check_times(files, kTestNow));
  CHECK(credentials->check_times(files, credentials->not_before()));
  CHECK(credentials->check_times(files, credentials->not_after() - std::chrono::seconds(1)));
  const auto late = credentials->check_times(files, credentials->not_after());
  REQUIRE_FALSE(late);
  CHECK(late.error().reason == Reason::config_invalid);
  CHECK(late.error().detail.starts_with(files.cert.string() + ": "));
  CHECK(late.error().detail.find("the certificate expired ") != std::string::npos);
  const auto early = credentials->check_times(files, credentials->not_before() - std::chrono::seconds(1));
  REQUIRE_FALSE(early);
  CHECK(early.error().detail.find("not valid before") != std::string::npos);
}

TEST_CASE("a key that others may read is a warning") {
  TestCa ca;
  const IdentityFiles files = ca.issue("agent/a");
  fs::permissions(files.key, fs::perms(0644));
  const auto credentials = Credentials::load(files);
  REQUIRE(credentials);
  REQUIRE((*credentials)->warnings().size() == 1);
  CHECK((*credentials)->warnings()[0].find("chmod 600") != std::string::npos);
  fs::permissions(files.key, fs::perms(0640));  // a service's group may read it
  CHECK(Credentials::load(files).value()->warnings().empty());
}

TEST_CASE("a certificate of another CA than the bundle's is a warning") {
  TestCa ca;
  TestCa other;
  IdentityFiles files = ca.issue("agent/a");
  files.ca = other.bundle();
  const auto credentials = Credentials::load(files);
  REQUIRE(credentials);
  REQUIRE((*credentials)->warnings().size() == 1);
  CHECK((*credentials)->warnings()[0].find("not signed by") != std::string::npos);
}
