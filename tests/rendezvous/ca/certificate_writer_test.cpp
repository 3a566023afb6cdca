#include "rendezvous/ca/certificate_writer.h"

#include <set>

#include "common/tls/key_writer.h"
#include "rendezvous/ca/der.h"
#include "tests/support/doctest.h"

using namespace fairlead;
using namespace fairlead::rendezvous;

namespace {

constexpr WallTime kFrom = std::chrono::sys_days{std::chrono::year{2030} / 1 / 1};

CertificateSpec small_spec() {
  CertificateSpec spec;
  spec.subject = "CN=x";
  spec.serial = random_serial();
  spec.not_before = kFrom;
  spec.not_after = kFrom + std::chrono::days(1);
  return spec;
}

}  // namespace

TEST_CASE("serials are positive, of full length and do not repeat") {
  std::set<std::string> seen;
  for (int i = 0; i < 500; ++i) {
    const Bytes serial = random_serial();
    CHECK(serial.size() == kSerialBytes);
    CHECK(serial[0] >= 0x40);
    CHECK(serial[0] < 0x80);
    seen.insert(to_hex(serial));
  }
  CHECK(seen.size() == 500);
}

TEST_CASE("what was written is read back: names, times, serial, purposes") {
  tls::OwnedKey key;
  REQUIRE(tls::generate_key(key));
  CertificateSpec spec = small_spec();
  spec.names = {{"spiffe://td/a"},
                {"a.example", "*.b.example"},
                {*IpAddress::parse("192.0.2.1"), *IpAddress::parse("2001:db8::1")}};
  spec.not_after =
      std::chrono::sys_days{std::chrono::year{2051} / 12 / 31} + std::chrono::seconds(86399);  // GeneralizedTime
  const auto pem = write_certificate(spec, key, spec.subject, key);
  REQUIRE(pem);
  tls::OwnedCertificates read;
  REQUIRE(mbedtls_x509_crt_parse(read.get(), reinterpret_cast<const unsigned char*>(pem->c_str()), pem->size() + 1) ==
          0);
  const auto names = tls::read_alternative_names(*read.get());
  REQUIRE(names);
  CHECK(names->uris == spec.names.uris);
  CHECK(names->dns_names == spec.names.dns_names);
  CHECK(names->ip_addresses == spec.names.ip_addresses);
  CHECK(tls::to_wall_time(read->valid_from) == spec.not_before);
  CHECK(tls::to_wall_time(read->valid_to) == spec.not_after);
  CHECK(Bytes(read->serial.p, read->serial.p + read->serial.len) == spec.serial);
  CHECK(tls::is_p256(read->pk));
  CHECK(tls::check_key_pair(&read->pk, key.get()) == 0);
}

TEST_CASE("the algorithm has no parameters, beside the signature and in what is signed (RFC 5758 3.2)") {
  const Bytes right = {0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02};
  tls::OwnedKey issuer;
  REQUIRE(tls::generate_key(issuer));
  for (const CertificateKind kind : {CertificateKind::root, CertificateKind::intermediate, CertificateKind::leaf}) {
    tls::OwnedKey key;
    REQUIRE(tls::generate_key(key));
    CertificateSpec spec = small_spec();
    spec.kind = kind;
    spec.names = {{"spiffe://td/a"}, {"a.example"}, {}};
    const auto pem = write_certificate(spec, key, "CN=issuer", issuer);
    REQUIRE(pem);
    tls::OwnedCertificates read;
    REQUIRE(mbedtls_x509_crt_parse(read.get(), reinterpret_cast<const unsigned char*>(pem->c_str()), pem->size() + 1) ==
            0);
    const auto parts = der_elements(tls::der_of(*read.get()));
    REQUIRE(parts);
    REQUIRE(parts->size() == 3);
    CHECK(Bytes((*parts)[1].begin(), (*parts)[1].end()) == right);
    const auto fields = der_elements(parts->front());
    REQUIRE(fields);
    REQUIRE(fields->size() == 8);  // the last are the extensions
    CHECK(Bytes((*fields)[2].begin(), (*fields)[2].end()) == right);
    CHECK((*parts)[2][0] == 0x03);
    CHECK((*parts)[2][2] == 0);  // no unused bits
  }
}

TEST_CASE("a key survives PEM") {
  tls::OwnedKey key;
  REQUIRE(tls::generate_key(key));
  const auto pem = tls::key_to_pem(key);
  REQUIRE(pem);
  tls::OwnedKey again;
  const Bytes with_zero(pem->c_str(), pem->c_str() + pem->size() + 1);
  REQUIRE(tls::parse_private_key(again.get(), with_zero) == 0);
  CHECK(tls::check_key_pair(key.get(), again.get()) == 0);
  tls::OwnedKey other;
  REQUIRE(tls::generate_key(other));
  CHECK(tls::check_key_pair(key.get(), other.get()) != 0);
}

TEST_CASE("what the library refuses is an error, not a certificate") {
  tls::OwnedKey key;
  REQUIRE(tls::generate_key(key));
  CertificateSpec spec = small_spec();
  spec.subject = "XX=no such attribute";
  const auto refused = write_certificate(spec, key, "CN=x", key);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().reason == Reason::internal);
  CHECK(refused.error().detail.find("subject") != std::string::npos);
  CHECK_FALSE(write_certificate(small_spec(), key, "XX=x", key));
}
