
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

CaIssue request_for(const TestCa& ca, const std::string& id = "spiffe://mesh.test/agent/home/nas1") {
  CaIssue request;
  request.dir = ca.dir();
  request.id = id;
  request.out = ca.scratch() / "out";
  request.now = kTestNow;
  return request;
}

std::string text_of(const fs::path& file) {
  std::ostringstream out;
  out << std::ifstream(file).rdbuf();
  return out.str();
}

void check_refused(const CaIssue& request, std::string_view part) {
  const auto refused = ca_issue(request);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().reason == Reason::config_invalid);
  CHECK_MESSAGE(contains(refused.error().detail, part), refused.error().detail);
  CHECK_FALSE(fs::exists(request.out.string() + ".crt"));
  CHECK_FALSE(fs::exists(request.out.string() + ".key"));
  CHECK_FALSE(fs::exists(request.dir / "issued.log"));
}

}  // namespace

TEST_CASE("openssl accepts an issued leaf as server and as client") {
  const TestCa ca;
  CaIssue request = request_for(ca);
  request.dns_names = {"Localhost.", "*.home.example"};
  request.ip_addresses = {*IpAddress::parse("127.0.0.1"), *IpAddress::parse("::1")};
  const auto issued = ca_issue(request);
  REQUIRE(issued);
  CHECK(fs::status(issued->key).permissions() == fs::perms(0600));
  for (const char* purpose : {"sslserver", "sslclient"}) {
    const auto verified =
        shell(std::string("openssl verify -x509_strict -attime 1893456000 -purpose ") + purpose + " -CAfile " +
              issued->ca.string() + " -untrusted " + issued->cert.string() + " " + issued->cert.string());
    CHECK_MESSAGE(verified.status == 0, verified.output);
  }
  const std::string text = shell("openssl x509 -noout -text -in " + issued->cert.string()).output;
  CHECK((contains(text, "Subject: CN = nas1\n") || contains(text, "Subject: CN=nas1\n")));  // openssl 3.0, 3.5
  CHECK(contains(text,
                 "URI:spiffe://mesh.test/agent/home/nas1, DNS:localhost, DNS:*.home.example, "
                 "IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1\n"));
  CHECK(contains(text, "X509v3 Basic Constraints: critical\n                CA:FALSE\n"));
  CHECK(contains(text, "X509v3 Key Usage: critical\n                Digital Signature\n"));
  CHECK(contains(text, "TLS Web Server Authentication, TLS Web Client Authentication\n"));
  CHECK(contains(text, "X509v3 Subject Key Identifier"));
  CHECK(contains(text, "X509v3 Authority Key Identifier"));
  CHECK(contains(text, "NIST CURVE: P-256"));
  CHECK(contains(text, "Not Before: Dec 31 23:00:00 2029 GMT"));
  CHECK(contains(text, "Not After : Apr  1 00:00:00 2030 GMT"));
}

TEST_CASE("an issued identity loads") {
  TestCa ca;
  const auto credentials =
      ca.credentials("rendezvous/main", {.dns_names = {"rv.example.com"}, .ip_addresses = {"192.0.2.1"}});
  CHECK(credentials->spiffe_id() == "spiffe://mesh.test/rendezvous/main");
  CHECK(credentials->dns_names() == std::vector<std::string>{"rv.example.com"});
  CHECK(credentials->not_after() == kTestNow + std::chrono::days(90));
  CHECK(credentials->warnings().empty());
}

TEST_CASE("each issuance is an audit line") {
  const TestCa ca;
  CaIssue request = request_for(ca);
  request.dns_names = {"a.example"};
  request.ip_addresses = {*IpAddress::parse("2001:db8::1")};
  const auto first = ca_issue(request);
  REQUIRE(first);
  request.out = ca.scratch() / "other";
  const auto second = ca_issue(request);
  REQUIRE(second);
  CHECK(first->serial != second->serial);
  CHECK(first->serial.size() == 32);
  std::istringstream log(text_of(ca.dir() / "issued.log"));
  std::string line;
  REQUIRE(std::getline(log, line));
  CHECK(line == "{\"time\":\"2030-01-01T00:00:00Z\",\"serial\":\"" + first->serial +
                    "\",\"id\":\"spiffe://mesh.test/agent/home/nas1\",\"dns\":[\"a.example\"],\"ip\":[\"2001:db8::1\"],"
                    "\"not_after\":\"2030-04-01T00:00:00Z\",\"out\":\"" +
                    (ca.scratch() / "out").string() + "\"}");
  REQUIRE(std::getline(log, line));
  CHECK(contains(line, second->serial));
  CHECK_FALSE(std::getline(log, line));
  CHECK(fs::status(ca.dir() / "issued.log").permissions() == fs::perms(0600));
}

TEST_CASE("issue overwrites nothing") {
  for (const char* present : {".crt", ".key"}) {
    const TestCa ca;
    const CaIssue request = request_for(ca);
    const std::string file = request.out.string() + present;
    std::ofstream(file) << "precious";
    const auto refused = ca_issue(request);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().reason == Reason::config_invalid);
    CHECK(contains(refused.error().detail, file));
    CHECK(text_of(file) == "precious");
  }
}

TEST_CASE("ids outside the trust domain or without form are refused") {
  const TestCa ca;
  for (const std::string bad :
       {"spiffe://other.test/agent/a", "spiffe://mesh.test.evil/agent/a", "spiffe://MESH.test/a"})
    check_refused(request_for(ca, bad), bad);
  for (const std::string bad :
       {"", "spiffe://mesh.test", "spiffe://mesh.test/", "spiffe://mesh.test/a/", "spiffe://mesh.test//a",
        "spiffe://mesh.test/a/../b", "spiffe://mesh.test/a b", "https://mesh.test/a", "mesh.test/a"})
    check_refused(request_for(ca, bad), "not a SPIFFE id");
}

TEST_CASE("names without form are refused") {
  const TestCa ca;
  for (const std::string bad :
       {"", ".", "a..b", "-a.example", "a_b.example", "a b", "*", "*.", "a.*.example", "**.example", "x/y"}) {
    CaIssue request = request_for(ca);
    request.dns_names = {"fine.example", bad};
    check_refused(request, "not a DNS name");
  }
  CaIssue request = request_for(ca);
  request.dns_names = {std::string(250, 'a') + ".com"};
  check_refused(request, "not a DNS name");
  request.dns_names = {"192.0.2.1"};
  check_refused(request, "--ip");
  request.dns_names = std::vector<std::string>(200, "a.example");
  check_refused(request, "names");
}

TEST_CASE("days outside the limits are refused") {
  const TestCa ca;
  for (const int days : {-1, 0, kMaxLeafDays + 1}) {
    CaIssue request = request_for(ca);
    request.days = days;
    check_refused(request, "days");
  }
}

TEST_CASE("a leaf does not outlive its issuer") {
  const TestCa ca;
  CaIssue request = request_for(ca);
  request.now = kTestNow + kIntermediateLifetime - std::chrono::days(10);
  const auto issued = ca_issue(request);
  REQUIRE(issued);
  CHECK(issued->not_after == kTestNow + kIntermediateLifetime);
  request.out = ca.scratch() / "late";
  request.now = kTestNow + kIntermediateLifetime + std::chrono::days(10);
  CHECK_FALSE(ca_issue(request));
}

TEST_CASE("without a CA the error names the file") {
  const TestCa ca;
  const TempDir empty;
  CaIssue request = request_for(ca);
  request.dir = empty.path();
  check_refused(request, "intermediate.crt");

  fs::copy(ca.dir() / "intermediate.crt", empty.path());
  check_refused(request, "intermediate.key");

  const TestCa other;
  fs::copy(other.dir() / "intermediate.key", empty.path());
  check_refused(request, "does not belong");

  fs::copy(ca.dir() / "intermediate.key", empty.path(), fs::copy_options::overwrite_existing);
  std::ofstream(empty.path() / "intermediate.crt") << "garbage";
  check_refused(request, "intermediate.crt");
}

TEST_CASE("the output needs a file name, and missing directories are made") {
  const TestCa ca;
  CaIssue request = request_for(ca);
  request.out = "";
  CHECK_FALSE(ca_issue(request));
  request.out = ca.scratch() / "deep" / "er" / "nas1.v2";
  const auto issued = ca_issue(request);
  REQUIRE(issued);
  CHECK(issued->cert.filename() == "nas1.v2.crt");
  CHECK(fs::status(ca.scratch() / "deep" / "er").permissions() == fs::perms(0700));
}
