#include "common/tls/peer_certificate.h"

#include <algorithm>

#include "common/tls/mbedtls_compat.h"
#include "tests/support/doctest.h"
#include "tests/support/test_ca.h"

using namespace fairlead;
using namespace fairlead::test;
using namespace fairlead::tls;

namespace {

PeerIdentity with_names(std::vector<std::string> dns, std::vector<std::string> ips) {
  PeerIdentity identity;
  identity.dns_names = std::move(dns);
  for (const std::string& ip : ips) identity.ip_addresses.push_back(IpAddress::parse(ip).value());
  return identity;
}

// Parses the DER, when mbedtls takes it, and reads it; nothing: mbedtls refused it.
std::optional<Result<PeerIdentity>> read_der(const Bytes& der) {
  OwnedCertificates certificate;
  if (mbedtls_x509_crt_parse_der(certificate.get(), der.data(), der.size()) != 0) return std::nullopt;
  return read_identity(*certificate.get());
}

}  // namespace

TEST_CASE("an identity is read from the leaf") {
  TestCa ca;
  const auto credentials =
      ca.credentials("agent/home/nas1", {.dns_names = {"Nas1.Home."}, .ip_addresses = {"192.0.2.7", "2001:db8::7"}});
  const auto identity = read_der(credentials->chain_der()[0]);
  REQUIRE(identity.has_value());
  REQUIRE(identity->has_value());
  CHECK((*identity)->spiffe_id == "spiffe://mesh.test/agent/home/nas1");
  CHECK((*identity)->dns_names == std::vector<std::string>{"nas1.home"});
  CHECK((*identity)->ip_addresses == credentials->ip_addresses());
  CHECK((*identity)->leaf_hash == crypto::sha256(credentials->chain_der()[0]));
}

TEST_CASE("CA certificates are no identities") {
  TestCa ca;
  const auto credentials = ca.credentials("agent/a");
  const auto identity = read_der(credentials->chain_der()[1]);
  REQUIRE(identity.has_value());
  REQUIRE_FALSE(identity->has_value());
  CHECK(identity->error().reason == Reason::certificate_identity);
}

TEST_CASE("no changed byte of a certificate crashes the reader") {
  TestCa ca;
  const Bytes der =
      ca.credentials("agent/a", {.dns_names = {"a.example"}, .ip_addresses = {"192.0.2.7"}})->chain_der()[0];
  std::size_t read = 0;
  for (std::size_t i = 0; i < der.size(); ++i) {
    for (const int flip : {0x01, 0x80, 0xff}) {
      Bytes changed = der;
      changed[i] = static_cast<std::uint8_t>(changed[i] ^ flip);
      const auto identity = read_der(changed);
      if (identity && *identity) ++read;
    }
  }
  CHECK(read > 0);  // most changes outside the names leave a readable identity
}

TEST_CASE("names: exact, case-insensitive, wildcards for one label") {
  const PeerIdentity identity = with_names({"rv.example.com", "*.wild.example"}, {});
  for (const char* good : {"rv.example.com", "RV.EXAMPLE.COM", "rv.example.com.", "a.wild.example", "A.Wild.Example"})
    CHECK_MESSAGE(names_host(identity, good), good);
  for (const char* bad : {"", ".", "example.com", "a.rv.example.com", "rv.example.co", "wild.example", ".wild.example",
                          "a.b.wild.example", "*.example.com", "192.0.2.1"})
    CHECK_MESSAGE(!names_host(identity, bad), bad);
}

TEST_CASE("addresses are compared as addresses, and never against names") {
  const PeerIdentity identity = with_names({"192.0.2.9"}, {"192.0.2.1", "2001:db8::1"});
  for (const char* good : {"192.0.2.1", "::ffff:192.0.2.1", "2001:db8::1", "2001:0DB8:0::1"})
    CHECK_MESSAGE(names_host(identity, good), good);
  for (const char* bad : {"192.0.2.2", "192.0.2.9", "2001:db8::2", "[2001:db8::1]", "192.0.2.1."})
    CHECK_MESSAGE(!names_host(identity, bad), bad);
}
