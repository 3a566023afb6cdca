#include "agent/join/identity_folder.h"

#include <sys/stat.h>

#include "agent/setting/config.h"
#include "common/tls/certificate_request.h"
#include "common/tls/private_file.h"
#include "rendezvous/ca/certificate_request.h"
#include "rendezvous/ca/issuer.h"
#include "tests/support/doctest.h"
#include "tests/support/test_ca.h"

namespace fairlead::agent {
namespace {

struct FolderRig {
  FolderRig() { token.rendezvous = {{"rv.example.com", 443}, {"2001:db8::1", 8443}}; }

  // What a signer makes of this key.
  wire::Joined joined(const std::string& key_pem) {
    tls::OwnedKey key;
    REQUIRE(rendezvous::read_certificate_request(*tls::write_certificate_request(key_pem), key));
    rendezvous::CertificateSpec spec;
    spec.serial = rendezvous::random_serial();
    spec.subject = "CN=nas1";
    spec.names = {{"spiffe://mesh.test/agent/home/nas1"}, {"nas1.home"}, {}};
    spec.not_before = test::kTestNow;
    spec.not_after = test::kTestNow + std::chrono::days(30);
    auto issuer = rendezvous::Issuer::open(ca.dir());
    REQUIRE(issuer);
    return {.chain = *(*issuer)->sign(spec, key),
            .bundle = ca.credentials("rendezvous/main")->ca_der(),
            .trust_domain = "mesh.test",
            .cluster = "home",
            .name = "nas1",
            .rendezvous = {"rv.example.com:443", "[2001:db8::1]:8443"},
            .rendezvous_id = "spiffe://mesh.test/rendezvous/*"};
  }
  std::string text(const char* name) const {
    const auto content = tls::read_whole_file(dir / name, 1 << 20);
    return content ? std::string(as_text(*content)) : "";
  }
  unsigned mode(const char* name) const {
    struct stat info{};
    return ::stat((dir / name).c_str(), &info) == 0 ? info.st_mode & 0777 : 0;
  }

  test::TestCa ca;
  std::filesystem::path dir = ca.scratch() / "new" / "folder";
  IdentityFolder folder{dir / "agent.toml", Places::beside};
  wire::JoinToken token{.id = {},
                        .secret = {},
                        .ca_key_sha256 = {},
                        .rendezvous = {},
                        .rendezvous_id = "spiffe://mesh.test/rendezvous/*"};
};

TEST_CASE("a folder is filled, and an agent reads what is in it") {
  FolderRig rig;
  REQUIRE(rig.folder.check(rig.token, "nas1"));
  const auto key = rig.folder.take_key();
  REQUIRE_MESSAGE(key, key.error().detail);
  CHECK(rig.mode("agent.key") == 0600);
  CHECK_FALSE(rig.folder.has_identity());
  const auto kept = rig.folder.keep(rig.joined(*key));
  REQUIRE_MESSAGE(kept, kept.error().detail);
  CHECK((*kept)->spiffe_id() == "spiffe://mesh.test/agent/home/nas1");
  CHECK((*kept)->warnings().empty());
  CHECK(rig.folder.has_identity());
  const auto loaded = load_config((rig.dir / "agent.toml").string());
  REQUIRE_MESSAGE(loaded, loaded.error().detail);
  const AgentConfig& config = loaded->config;
  CHECK(config.name == "nas1");
  CHECK(config.cluster == "home");
  CHECK(config.rendezvous == rig.token.rendezvous);
  CHECK(config.rendezvous_id == "spiffe://mesh.test/rendezvous/*");
  CHECK(config.state_dir == (rig.dir / "agent-state").string());
  CHECK(config.control_path == (rig.dir / "agent.sock").string());
  CHECK(tls::Credentials::load({config.identity.cert, config.identity.key, config.identity.ca}));
  CHECK(rig.text("agent.crt.joined").empty());
}

TEST_CASE("a system's agent keeps its state where the system does") {
  FolderRig rig;
  rig.folder = IdentityFolder(rig.dir / "agent.toml", Places::system);
  REQUIRE(rig.folder.check(rig.token, "nas1"));
  REQUIRE(rig.folder.keep(rig.joined(*rig.folder.take_key())));
  const auto loaded = load_config((rig.dir / "agent.toml").string());
  REQUIRE(loaded);
  CHECK(loaded->config.state_dir == AgentConfig{}.state_dir);
  CHECK(loaded->config.control_path == AgentConfig{}.control_path);
}

TEST_CASE("who asks again does so with the same key, and replaces nothing but what is told") {
  FolderRig rig;
  REQUIRE(rig.folder.check(rig.token, "nas1"));
  const auto key = rig.folder.take_key();
  CHECK(rig.folder.take_key().value() == *key);
  REQUIRE(rig.folder.keep(rig.joined(*key)));
  const std::string config = rig.text("agent.toml") + "# mine\n";
  REQUIRE(tls::replace_private_file(rig.dir / "agent.toml", as_bytes(config)));
  const std::string cert = rig.text("agent.crt");
  REQUIRE(rig.folder.keep(rig.joined(*rig.folder.take_key())));
  CHECK(rig.text("agent.crt") != cert);
  CHECK(rig.text("agent.toml.old") == config);
  CHECK(rig.text("agent.toml").find("# mine") == std::string::npos);
}

TEST_CASE("an answer that cannot be used changes nothing") {
  FolderRig rig;
  REQUIRE(rig.folder.check(rig.token, "nas1"));
  const auto key = rig.folder.take_key();
  REQUIRE(rig.folder.keep(rig.joined(*key)));
  const std::string cert = rig.text("agent.crt");
  const std::string config = rig.text("agent.toml");
  wire::Joined bad = rig.joined(*key);
  SUBCASE("a certificate of another key") {
    bad.chain = rig.joined(*tls::new_private_key()).chain;
  }
  SUBCASE("no certificate") {
    bad.chain = {Bytes{1, 2, 3}};
  }
  SUBCASE("no CA") {
    bad.bundle.clear();
  }
  SUBCASE("nowhere to go") {
    bad.rendezvous.clear();
  }
  SUBCASE("a line of its own") {
    bad.cluster = "home\"\nconfine = false\nx = \"";
  }
  SUBCASE("an id that is none") {
    bad.rendezvous_id = "${HOME}";
  }
  const auto kept = rig.folder.keep(bad);
  REQUIRE_FALSE(kept);
  CHECK(kept.error().reason == Reason::join_malformed);
  CHECK(rig.text("agent.crt") == cert);
  CHECK(rig.text("agent.toml") == config);
}

TEST_CASE("what can be wrong here is said before anybody is asked") {
  FolderRig rig;
  SUBCASE("a path that no socket can have") {
    const IdentityFolder deep(rig.dir / std::string(120, 'x') / "agent.toml", Places::beside);
    CHECK(deep.check(rig.token, "nas1").error().reason == Reason::config_invalid);
  }
  SUBCASE("a folder that is a file") {
    REQUIRE(tls::create_file(rig.ca.scratch() / "new", {}, std::filesystem::perms(0600)));
    CHECK(rig.folder.check(rig.token, "nas1").error().reason == Reason::state_unwritable);
  }
}

}  // namespace
}  // namespace fairlead::agent
