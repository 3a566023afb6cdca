#include "rendezvous/join/joining.h"

#include <algorithm>

#include "common/crypto/system_rng.h"
#include "common/tls/key_pin.h"
#include "common/tls/private_file.h"
#include "rendezvous/join/new_token.h"
#include "tests/rendezvous/ca/shell.h"
#include "tests/support/doctest.h"
#include "tests/support/test_ca.h"

namespace fairlead::rendezvous {
namespace {

using test::kTestNow;
using test::shell;

const SocketAddress kPeer = *SocketAddress::parse("192.0.2.7:40000");

struct JoinRig {
  explicit JoinRig(std::int64_t uses = 1) {
    server.public_addresses = {{"rv.example.com", 443}};
    signer.mode = SignerMode::file;
    signer.cert = ca.dir() / "intermediate.crt";
    signer.key = ca.dir() / "intermediate.key";
    crypto::SystemRng rng;
    const auto made = new_token(server, *credentials, rng);
    REQUIRE_MESSAGE(made, made.error().detail);
    token = *made;
    TokenRecord record;
    record.id = token.id;
    record.cluster = "home";
    record.services = {"*.home", "web.office", "web.*", "*.home"};
    record.uses_left = uses;
    record.expires = kTestNow + 15min;
    auto store = JoinStore::open(ca.scratch());
    REQUIRE_MESSAGE(store, store.error().detail);
    REQUIRE((*store)->add(record, token.secret));
    auto opened = Joining::open(signer, ca.scratch(), join_facts(server, *credentials));
    REQUIRE_MESSAGE(opened, opened.error().detail);
    joining = std::move(*opened);
  }

  Bytes csr(const std::string& key, const std::string& kind = "ec -pkeyopt ec_paramgen_curve:P-256") {
    const std::string file = (ca.scratch() / key).string();
    const std::string make = "openssl req -new -newkey " + kind + " -nodes -keyout " + file +
                             ".key -outform DER -out " + file +
                             ".csr -subj /CN=evil -addext subjectAltName=URI:spiffe://mesh.test/rendezvous/main";
    const auto made = shell(make);
    REQUIRE_MESSAGE(made.status == 0, made.output);
    const auto der = tls::read_whole_file(file + ".csr", 8192);
    REQUIRE(der);
    return *der;
  }
  wire::JoinRequest request(const std::string& name, Bytes with) {
    return {token.id, token.secret, name, std::move(with), "test"};
  }
  wire::JoinAnswer answer(const wire::JoinRequest& asked) { return joining->answer(asked, kPeer, kTestNow); }
  std::string code(const wire::JoinRequest& asked) {
    const auto said = answer(asked);
    const auto* refused = std::get_if<wire::JoinRefused>(&said);
    return refused == nullptr ? "" : refused->code;
  }

  test::TestCa ca;
  std::shared_ptr<const tls::Credentials> credentials = ca.credentials("rendezvous/main");
  ServerConfig server;
  SignerConfig signer;
  wire::JoinToken token;
  std::unique_ptr<Joining> joining;
};

TEST_CASE("a device gets the names that the token and we decide, and all it needs to know") {
  JoinRig rig;
  const auto said = rig.answer(rig.request("nas", rig.csr("a")));
  REQUIRE(std::holds_alternative<wire::Joined>(said));
  const auto& joined = std::get<wire::Joined>(said);
  CHECK(joined.trust_domain == "mesh.test");
  CHECK(joined.cluster == "home");
  CHECK(joined.name == "nas");
  CHECK(joined.rendezvous == std::vector<std::string>{"rv.example.com:443"});
  CHECK(joined.rendezvous_id == "spiffe://mesh.test/rendezvous/*");
  CHECK(joined.chain.size() == 2);
  REQUIRE(joined.bundle.size() == 1);
  CHECK(tls::key_pin(joined.bundle[0]) == rig.token.ca_key_sha256);
  const auto file = rig.ca.scratch() / "leaf.der";
  REQUIRE(tls::create_file(file, joined.chain[0], std::filesystem::perms(0600)));
  const auto text = shell("openssl x509 -inform DER -noout -text -nameopt RFC2253 -in " + file.string()).output;
  CHECK_MESSAGE(
      test::contains(text, "URI:spiffe://mesh.test/agent/home/nas, DNS:nas.home, DNS:*.home, DNS:web.office\n"), text);
  CHECK_FALSE(test::contains(text, "evil"));
  CHECK(test::contains(text, "Not After : Jan 31 00:00:00 2030"));
}

TEST_CASE("the same key is told the same again, another finds the token used") {
  JoinRig rig;
  const Bytes csr = rig.csr("a");
  const auto first = rig.answer(rig.request("nas", csr));
  CHECK(rig.answer(rig.request("nas", csr)) == first);
  CHECK(rig.code(rig.request("tv", rig.csr("b"))) == "token_used");
}

TEST_CASE("what is no proof of a P-256 key takes no use") {
  JoinRig rig;
  Bytes broken = rig.csr("a");
  broken.back() ^= 1;
  CHECK(rig.code(rig.request("nas", broken)) == "csr_invalid");
  Bytes renamed = rig.csr("b");
  const auto at = std::search(renamed.begin(), renamed.end(), std::begin("evil"), std::end("evil") - 1);
  REQUIRE(at != renamed.end());
  *at = 'x';
  CHECK(rig.code(rig.request("nas", renamed)) == "csr_invalid");
  CHECK(rig.code(rig.request("nas", rig.csr("c", "rsa:2048"))) == "csr_invalid");
  CHECK(rig.code(rig.request("nas", rig.csr("d", "ec -pkeyopt ec_paramgen_curve:P-384"))) == "csr_invalid");
  CHECK(rig.code(rig.request("nas", {})) == "csr_invalid");
  CHECK(rig.code(rig.request("Nas", rig.csr("e"))) == "token_name");
  CHECK(rig.code(rig.request("a.b", rig.csr("f"))) == "token_name");
  CHECK(rig.code(rig.request("nas", rig.csr("g"))) == "");
}

TEST_CASE("a wrong secret is told no more than an unknown token") {
  JoinRig rig;
  auto wrong = rig.request("nas", rig.csr("a"));
  wrong.secret[0] ^= 1;
  auto unknown = wrong;
  unknown.token[0] ^= 1;
  CHECK(rig.answer(wrong) == rig.answer(unknown));
  CHECK(rig.code(wrong) == "token_unknown");
}

TEST_CASE("no signer, no certificate") {
  JoinRig rig;
  rig.signer.mode = SignerMode::none;
  auto none = Joining::open(rig.signer, "/nonexistent", {});
  REQUIRE(none);
  const auto said = (*none)->answer(rig.request("nas", rig.csr("a")), kPeer, kTestNow);
  CHECK(said == wire::JoinAnswer(wire::JoinRefused{"signer_none", ""}));
}

TEST_CASE("a token needs an address and the CA that signed") {
  JoinRig rig;
  crypto::SystemRng rng;
  rig.server.public_addresses.clear();
  CHECK_FALSE(new_token(rig.server, *rig.credentials, rng));
}

struct RenewalRig : JoinRig {
  explicit RenewalRig(const std::string& name = "nas") {
    own = csr("own");
    REQUIRE(std::holds_alternative<wire::Joined>(answer(request(name, own))));
  }
  wire::Renewed renew(const std::string& path, const Bytes& with, WallTime now = kTestNow + 24h * 20) {
    return joining->answer(RenewalRequest{"spiffe://mesh.test/" + path, with}, kPeer, now);
  }
  Bytes own;
};

TEST_CASE("a device renews with its key, and keeps the names of its last certificate") {
  RenewalRig rig;
  const auto renewed = rig.renew("agent/home/nas", rig.own);
  CHECK(renewed.code == "");
  REQUIRE(renewed.chain.size() == 2);
  CHECK(renewed.bundle == rig.credentials->ca_der());
  const auto file = rig.ca.scratch() / "leaf.der";
  REQUIRE(tls::create_file(file, renewed.chain[0], std::filesystem::perms(0600)));
  const auto text = shell("openssl x509 -inform DER -noout -text -nameopt RFC2253 -in " + file.string()).output;
  CHECK_MESSAGE(
      test::contains(text, "URI:spiffe://mesh.test/agent/home/nas, DNS:nas.home, DNS:*.home, DNS:web.office\n"), text);
  CHECK(test::contains(text, "CN=nas"));
  CHECK_FALSE(test::contains(text, "evil"));
  CHECK(test::contains(text, "Not After : Feb 20 00:00:00 2030"));
  // The token is not needed any more, and a name is not taken from another.
  auto store = JoinStore::open(rig.ca.scratch());
  REQUIRE((*store)->revoke(rig.token.id));
  CHECK(rig.renew("agent/home/nas", rig.own, kTestNow + 24h * 40).code == "");
}

TEST_CASE("another key, another name, another CA's agent, or no key at all is not renewed") {
  RenewalRig rig;
  CHECK(rig.renew("agent/home/nas", rig.csr("other")).code == "device_unknown");
  CHECK(rig.renew("agent/home/tv", rig.own).code == "device_unknown");
  CHECK(rig.renew("agent/office/nas", rig.own).code == "device_unknown");
  CHECK(rig.renew("client/alice", rig.own).code == "device_unknown");
  const RenewalRequest foreign{"spiffe://other.test/agent/home/nas", rig.own};
  CHECK(rig.joining->answer(foreign, kPeer, kTestNow).code == "device_unknown");
  Bytes broken = rig.own;
  broken.back() ^= 1;
  CHECK(rig.renew("agent/home/nas", broken).code == "csr_invalid");
  CHECK(rig.renew("agent/home/nas", {}).code == "csr_invalid");
  CHECK(rig.renew("agent/home/nas", rig.own).code == "");
}

TEST_CASE("a renewal ends with the signer, and none comes after that") {
  RenewalRig rig;
  rig.signer.renew_grace = std::chrono::days(3650);
  rig.joining = std::move(*Joining::open(rig.signer, rig.ca.scratch(), {}));
  const auto late = rig.renew("agent/home/nas", rig.own, kTestNow + 24h * 1820);
  REQUIRE(late.code == "");
  const auto file = rig.ca.scratch() / "late.der";
  REQUIRE(tls::create_file(file, late.chain[0], std::filesystem::perms(0600)));
  const auto text = shell("openssl x509 -inform DER -noout -enddate -in " + file.string()).output;
  const auto ca = shell("openssl x509 -noout -enddate -in " + (rig.ca.dir() / "intermediate.crt").string()).output;
  CHECK(text == ca);
  const auto over = rig.renew("agent/home/nas", rig.own, kTestNow + 24h * 1900);
  CHECK(over.code == "signer_failed");
  CHECK(over.retry_after_s > 0);
  CHECK(over.chain.empty());
}

TEST_CASE("a short life begins a little in the past, and a long one an hour") {
  RenewalRig rig;
  rig.signer.leaf_life = 20s;
  auto brief = Joining::open(rig.signer, rig.ca.scratch(), {});
  REQUIRE(brief);
  const auto renewed =
      (*brief)->answer(RenewalRequest{"spiffe://mesh.test/agent/home/nas", rig.own}, kPeer, kTestNow + 24h);
  REQUIRE(renewed.code == "");
  const auto file = rig.ca.scratch() / "brief.der";
  REQUIRE(tls::create_file(file, renewed.chain[0], std::filesystem::perms(0600)));
  const auto text = shell("openssl x509 -inform DER -noout -dates -in " + file.string()).output;
  CHECK(text == "notBefore=Jan  1 23:59:58 2030 GMT\nnotAfter=Jan  2 00:00:20 2030 GMT\n");
}

TEST_CASE("no signer, no renewal") {
  RenewalRig rig;
  rig.signer.mode = SignerMode::none;
  auto none = Joining::open(rig.signer, "/nonexistent", {});
  REQUIRE(none);
  CHECK_FALSE((*none)->signs());
  CHECK((*none)->answer(RenewalRequest{"spiffe://mesh.test/agent/home/nas", rig.own}, kPeer, kTestNow).code ==
        "signer_none");
}

struct LateRig : RenewalRig {
  wire::JoinAnswer late(const Bytes& with, WallTime now) {
    return joining->answer(wire::LateRenewal{with, "test"}, kPeer, now);
  }
  std::string late_code(const Bytes& with, WallTime now) {
    const auto said = late(with, now);
    const auto* refused = std::get_if<wire::JoinRefused>(&said);
    return refused == nullptr ? "" : refused->code;
  }
  const WallTime end = kTestNow + 24h * 30;  // of what `own` joined with
};

TEST_CASE("a device that slept past its end is known by its key, and told all that it needs") {
  LateRig rig;
  const auto said = rig.late(rig.own, rig.end + 24h * 100);
  REQUIRE(std::holds_alternative<wire::Joined>(said));
  const auto& joined = std::get<wire::Joined>(said);
  CHECK(joined.cluster == "home");
  CHECK(joined.name == "nas");
  CHECK(joined.bundle == rig.credentials->ca_der());
  const auto file = rig.ca.scratch() / "late.der";
  REQUIRE(tls::create_file(file, joined.chain[0], std::filesystem::perms(0600)));
  const auto text = shell("openssl x509 -inform DER -noout -text -nameopt RFC2253 -in " + file.string()).output;
  CHECK(test::contains(text, "URI:spiffe://mesh.test/agent/home/nas, DNS:nas.home, DNS:*.home, DNS:web.office\n"));
  CHECK(rig.late(rig.own, rig.end + 24h * 100) == said);  // a lost answer
}

TEST_CASE("the grace after the end is a year, and what it is configured to be") {
  LateRig rig;
  CHECK(rig.late_code(rig.own, rig.end + 24h * 365) == "device_ended");
  CHECK(rig.late_code(rig.own, rig.end + 24h * 365 - 1s) == "");
  rig.signer.renew_grace = 0s;
  auto strict = Joining::open(rig.signer, rig.ca.scratch(), {});
  REQUIRE(strict);
  rig.joining = std::move(*strict);
  const WallTime second_end = rig.end + 24h * 395 - 1s;
  CHECK(rig.late_code(rig.own, second_end) == "device_ended");
  CHECK(rig.late_code(rig.own, second_end - 1s) == "");
}

TEST_CASE("no other key than a device's own is told anything") {
  LateRig rig;
  CHECK(rig.late_code(rig.csr("stranger"), rig.end) == "device_unknown");
  Bytes broken = rig.own;
  broken.back() ^= 1;
  CHECK(rig.late_code(broken, rig.end) == "csr_invalid");
  rig.signer.mode = SignerMode::none;
  rig.joining = std::move(*Joining::open(rig.signer, "/nonexistent", {}));
  CHECK(rig.late_code(rig.own, rig.end) == "signer_none");
}

TEST_CASE("who is revoked neither renews nor joins again until that is taken back") {
  LateRig rig;
  const std::string id = "spiffe://mesh.test/agent/home/nas";
  auto store = JoinStore::open(rig.ca.scratch());
  REQUIRE((*store)->revoke_identity(id, kTestNow));
  CHECK(rig.renew("agent/home/nas", rig.own).code == "identity_revoked");
  CHECK(rig.late_code(rig.own, rig.end) == "identity_revoked");
  TokenRecord more;
  more.id = rig.token.id;
  more.id[0] ^= 1;
  more.cluster = "home";
  more.expires = kTestNow + 24h;
  REQUIRE((*store)->add(more, rig.token.secret));
  auto again = rig.request("nas", rig.own);
  again.token = more.id;
  CHECK(rig.code(again) == "identity_revoked");
  REQUIRE((*store)->unrevoke_identity(id));
  CHECK(rig.renew("agent/home/nas", rig.own).code == "");
  CHECK(rig.code(again) == "");  // the use was not taken
}

}  // namespace
}  // namespace fairlead::rendezvous
