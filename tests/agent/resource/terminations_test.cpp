#include "agent/resource/terminations.h"

#include "tests/support/doctest.h"
#include "tests/support/test_ca.h"

namespace fairlead::agent {
namespace {

using namespace fairlead::test;

ServiceConfig ending(std::string name, const tls::IdentityFiles& own = {}) {
  ServiceConfig out;
  out.name = std::move(name);
  out.tls = Tls::terminate;
  out.cert = own.cert;
  out.key = own.key;
  return out;
}

TEST_CASE("each service shows its own certificate, or the agent's; who ends TLS itself has no context") {
  TestCa ca;
  const auto own = ca.credentials("agent/home/nas1");
  const tls::IdentityFiles files = ca.issue("service/db");
  AgentConfig config;
  config.identity.ca = files.ca;
  config.services = {ending("web"), ending("db", files), ending("through")};
  config.services[2].tls = Tls::passthrough;
  auto of_services = load_service_credentials(config);
  REQUIRE(of_services);
  CHECK(of_services->size() == 1);
  Terminations terminations;
  terminations.replace(config.services, {own, *of_services, "home", [] { return kTestNow; }});
  REQUIRE(terminations.find("web") != nullptr);
  CHECK(terminations.find("web")->credentials().spiffe_id() == own->spiffe_id());
  REQUIRE(terminations.find("db") != nullptr);
  CHECK(terminations.find("db")->credentials().spiffe_id() == "spiffe://mesh.test/service/db");
  CHECK(terminations.find("through") == nullptr);
  CHECK(terminations.find("none") == nullptr);
  terminations.replace({}, {own, {}, "home", [] { return kTestNow; }});
  CHECK(terminations.find("web") == nullptr);
}

TEST_CASE("a certificate that cannot be read names its service") {
  TestCa ca;
  AgentConfig config;
  config.identity.ca = ca.bundle().string();
  config.services = {ending("db", {.cert = "/nonexistent/db.crt", .key = "/nonexistent/db.key", .ca = {}})};
  const auto loaded = load_service_credentials(config);
  REQUIRE_FALSE(loaded);
  CHECK(loaded.error().reason == Reason::config_invalid);
  CHECK(loaded.error().detail.starts_with("service db: /nonexistent/db."));
}

}  // namespace
}  // namespace fairlead::agent
