// Requests as a device makes them, read as a signer reads them. What strangers send is joining_test's.
#include "rendezvous/ca/certificate_request.h"

#include "common/tls/certificate_request.h"
#include "common/tls/key_writer.h"
#include "tests/support/doctest.h"

using namespace fairlead;
using namespace fairlead::rendezvous;

TEST_CASE("a request proves the key that made it, and the same key is known again") {
  const auto pem = tls::new_private_key();
  REQUIRE(pem);
  CHECK(pem->starts_with("-----BEGIN EC PRIVATE KEY-----\n"));
  const auto request = tls::write_certificate_request(*pem);
  REQUIRE_MESSAGE(request, request.error().detail);
  const auto again = tls::write_certificate_request(*pem);
  const auto other = tls::write_certificate_request(*tls::new_private_key());
  REQUIRE((again && other));
  tls::OwnedKey first_key;
  tls::OwnedKey second_key;
  tls::OwnedKey other_key;
  const auto first = read_certificate_request(*request, first_key);
  REQUIRE_MESSAGE(first, first.error().detail);
  CHECK(read_certificate_request(*again, second_key).value() == *first);
  CHECK(read_certificate_request(*other, other_key).value() != *first);
}

TEST_CASE("a key that is none, or of another kind, asks for nothing") {
  for (const char* text : {"", "x", "-----BEGIN EC PRIVATE KEY-----\n-----END EC PRIVATE KEY-----\n"}) {
    const auto request = tls::write_certificate_request(text);
    REQUIRE_FALSE(request);
    CHECK(request.error().reason == Reason::config_invalid);
  }
}
