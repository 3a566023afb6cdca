// The verifier fed by the library's chain building, without a handshake around it.
#include "common/tls/peer_verifier.h"

#include "common/tls/mbedtls_compat.h"
#include "tests/support/doctest.h"
#include "tests/support/test_ca.h"

using namespace fairlead;
using namespace fairlead::test;
using namespace fairlead::tls;

namespace {

struct Verdict {
  std::uint32_t flags = 0;
  std::optional<PeerIdentity> identity;
  std::optional<Error> failure;
};

Verdict judge(const Credentials& shown, const Credentials& own, PeerRole role, ClockReading now,
              const ServerExpectation* expected = nullptr) {
  OwnedCertificates chain;
  OwnedCertificates bundle;
  for (const Bytes& der : shown.chain_der()) mbedtls_x509_crt_parse_der(chain.get(), der.data(), der.size());
  for (const Bytes& der : own.ca_der()) mbedtls_x509_crt_parse_der(bundle.get(), der.data(), der.size());
  const ClientClock clock = [now] { return now; };
  const PeerTrust trust{std::string(own.trust_domain()), {}};
  PeerVerifier verifier(role, trust, clock, expected);
  Verdict verdict;
  mbedtls_x509_crt_verify(chain.get(), bundle.get(), nullptr, nullptr, &verdict.flags, PeerVerifier::callback,
                          &verifier);
  verdict.identity = verifier.identity();
  verdict.failure = verifier.failure();
  CHECK(verdict.identity.has_value() != verdict.failure.has_value());
  CHECK((verdict.flags == 0) == verdict.identity.has_value());
  return verdict;
}

}  // namespace

TEST_CASE("a good chain gives the identity with the chain's earliest end") {
  TestCa ca;
  const auto peer = ca.credentials("agent/a", {.not_after = kTestNow + std::chrono::days(3000)});
  const Verdict verdict = judge(*peer, *peer, PeerRole::client, kTestNow);
  REQUIRE(verdict.identity);
  CHECK(verdict.identity->spiffe_id == "spiffe://mesh.test/agent/a");
  CHECK(verdict.identity->not_after == kTestNow + std::chrono::days(1825));  // the intermediate's
}

TEST_CASE("purpose is judged for the side the peer is on") {
  TestCa ca;
  const auto server = Credentials::load(ca.issue_flawed("x/server", Flaw::server_only)).value();
  const auto client = Credentials::load(ca.issue_flawed("x/client", Flaw::client_only)).value();
  CHECK(judge(*server, *server, PeerRole::server, kTestNow).identity);
  CHECK(judge(*client, *client, PeerRole::client, kTestNow).identity);
  CHECK(judge(*server, *server, PeerRole::client, kTestNow).failure->reason == Reason::certificate_purpose);
  CHECK(judge(*client, *client, PeerRole::server, kTestNow).failure->reason == Reason::certificate_purpose);
}

TEST_CASE("the failure tells the time that was believed") {
  TestCa ca;
  const auto peer = ca.credentials("agent/a");
  const Verdict late = judge(*peer, *peer, PeerRole::client, kTestNow + std::chrono::days(91));
  CHECK(late.failure->reason == Reason::certificate_expired);
  CHECK(late.failure->detail == "the certificate (CN=a) ended at 2030-04-01T00:00:00Z, now is 2030-04-02T00:00:00Z");
  const Verdict early = judge(*peer, *peer, PeerRole::client, kTestNow - std::chrono::days(1));
  CHECK(early.failure->reason == Reason::certificate_not_yet_valid);
}

TEST_CASE("trust comes before everything else") {
  TestCa ca;
  TestCa other;
  const auto stranger = other.credentials("agent/a", {.not_after = kTestNow + std::chrono::seconds(1)});
  const auto own = ca.credentials("agent/b");
  const Verdict verdict = judge(*stranger, *own, PeerRole::client, kTestNow + std::chrono::days(1));
  CHECK(verdict.failure->reason == Reason::certificate_untrusted);
}

TEST_CASE("the expected server, by name and by id") {
  TestCa ca;
  const auto peer = ca.credentials("rendezvous/a", {.dns_names = {"rv.example"}});
  const auto reason = [&](const ServerExpectation& expected) {
    const Verdict verdict = judge(*peer, *peer, PeerRole::server, kTestNow, &expected);
    return verdict.failure ? std::optional(verdict.failure->reason) : std::nullopt;
  };
  CHECK(reason({"rv.example", {"spiffe://{trust_domain}/rendezvous/*"}}) == std::nullopt);
  CHECK(reason({"", {"spiffe://mesh.test/**"}}) == std::nullopt);
  CHECK(reason({"other.example", {"spiffe://mesh.test/**"}}) == Reason::certificate_name);
  CHECK(reason({"rv.example", {"spiffe://mesh.test/agent/*"}}) == Reason::certificate_identity);
}

TEST_CASE("a chain from the future is good while the clock only knows the earliest time") {
  TestCa ca;
  const WallTime floor = kTestNow - std::chrono::days(9);  // the CA's own certificates begin later, too
  const ClockReading earliest(floor, ClockReading::Kind::earliest);
  const auto peer = ca.credentials("rendezvous/a", {.dns_names = {"rv.example"}});
  const auto own = ca.credentials("agent/a");
  const ServerExpectation expected{"rv.example", {"spiffe://{trust_domain}/rendezvous/*"}};
  const auto reason = [&](const Credentials& shown, ClockReading now, const ServerExpectation& wanted) {
    const Verdict verdict = judge(shown, *own, PeerRole::server, now, &wanted);
    return verdict.failure ? std::optional(verdict.failure->reason) : std::nullopt;
  };
  CHECK(reason(*peer, earliest, expected) == std::nullopt);
  CHECK(judge(*peer, *own, PeerRole::server, earliest, &expected).identity->not_after == peer->not_after());
  CHECK(reason(*peer, floor, expected) == Reason::certificate_not_yet_valid);

  SUBCASE("but not for another host or identity") {
    CHECK(reason(*peer, earliest, {"other.example", {"spiffe://mesh.test/**"}}) == Reason::certificate_name);
    CHECK(reason(*peer, earliest, {"rv.example", {"spiffe://mesh.test/agent/*"}}) == Reason::certificate_identity);
  }
  SUBCASE("nor of another CA") {
    TestCa other;
    const auto stranger = other.credentials("rendezvous/a", {.dns_names = {"rv.example"}});
    CHECK(reason(*stranger, earliest, expected) == Reason::certificate_untrusted);
  }
  SUBCASE("nor for another purpose") {
    const auto client = Credentials::load(ca.issue_flawed("rendezvous/a", Flaw::client_only)).value();
    CHECK(reason(*client, earliest, {"", {"spiffe://mesh.test/**"}}) == Reason::certificate_purpose);
  }
  SUBCASE("and what has ended by then has ended") {
    const auto old = ca.credentials(
        "rendezvous/a", {.dns_names = {"rv.example"}, .not_before = floor - std::chrono::days(9), .not_after = floor});
    CHECK(reason(*old, earliest, expected) == Reason::certificate_expired);
    const auto last = ca.credentials("rendezvous/a", {.dns_names = {"rv.example"},
                                                      .not_before = floor - std::chrono::days(9),
                                                      .not_after = floor + std::chrono::seconds(1)});
    CHECK(reason(*last, earliest, expected) == std::nullopt);
  }
}
