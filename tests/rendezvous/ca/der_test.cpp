#include "rendezvous/ca/der.h"

#include "tests/support/doctest.h"

using namespace fairlead;
using namespace fairlead::rendezvous;

TEST_CASE("lengths take the shortest form") {
  CHECK(der_element(0x04, {}) == Bytes{0x04, 0x00});
  CHECK(der_element(0x04, Bytes(127, 1)).size() == 2 + 127);
  const Bytes long1 = der_element(0x04, Bytes(128, 1));
  CHECK(Bytes(long1.begin(), long1.begin() + 3) == Bytes{0x04, 0x81, 0x80});
  CHECK(der_element(0x04, Bytes(255, 1))[2] == 0xff);
  const Bytes long2 = der_element(0x04, Bytes(256, 1));
  CHECK(Bytes(long2.begin(), long2.begin() + 4) == Bytes{0x04, 0x82, 0x01, 0x00});
}

TEST_CASE("sequences hold their elements in order") {
  CHECK(der_sequence({}) == Bytes{0x30, 0x00});
  CHECK(der_sequence({Bytes{1, 1, 0xff}, Bytes{2, 1, 0}}) == Bytes{0x30, 6, 1, 1, 0xff, 2, 1, 0});
}

TEST_CASE("general names carry URI, DNS and both sizes of address") {
  tls::AlternativeNames names{{"spiffe://a/b"}, {"x.y"}, {*IpAddress::parse("1.2.3.4"), *IpAddress::parse("::1")}};
  const Bytes expected = {0x30, 14 + 5 + 6 + 18,  // GeneralNames
                          0x86, 12,
                          's',  'p',
                          'i',  'f',
                          'f',  'e',
                          ':',  '/',
                          '/',  'a',
                          '/',  'b',  // uniformResourceIdentifier
                          0x82, 3,
                          'x',  '.',
                          'y',  // dNSName
                          0x87, 4,
                          1,    2,
                          3,    4,  // iPAddress
                          0x87, 16,
                          0,    0,
                          0,    0,
                          0,    0,
                          0,    0,
                          0,    0,
                          0,    0,
                          0,    0,
                          0,    1};
  CHECK(der_alternative_names(names) == expected);
}

TEST_CASE("a sequence is taken apart into what it was made of") {
  const Bytes big = der_element(0x04, Bytes(300, 7));
  const Bytes middle = der_element(0x04, Bytes(200, 7));
  const Bytes small = {2, 1, 0};
  const Bytes sequence = der_sequence({big, small, middle});
  const auto parts = der_elements(sequence);
  REQUIRE(parts);
  REQUIRE(parts->size() == 3);
  CHECK(Bytes((*parts)[0].begin(), (*parts)[0].end()) == big);
  CHECK(Bytes((*parts)[1].begin(), (*parts)[1].end()) == small);
  CHECK(Bytes((*parts)[2].begin(), (*parts)[2].end()) == middle);
  const Bytes none{0x30, 0};
  REQUIRE(der_elements(none));
  CHECK(der_elements(none)->empty());
}

TEST_CASE("what is not exactly one element is not taken apart") {
  const Bytes sequence = der_sequence({Bytes{2, 1, 0}, der_element(0x04, Bytes(200, 7))});
  for (std::size_t size = 0; size < sequence.size(); ++size) {
    CHECK_FALSE(der_elements(ByteView(sequence).first(size)));
  }
  Bytes longer = sequence;
  longer.push_back(0);
  CHECK_FALSE(der_elements(longer));
  for (const Bytes& bad : {Bytes{0x30, 3, 2, 1}, Bytes{0x30, 2, 2, 1}, Bytes{0x30, 0x80, 0, 0},
                           Bytes{0x30, 0x83, 0, 0, 0}, Bytes{0x30, 2, 2, 0x81}}) {
    CHECK_FALSE(der_elements(bad));
  }
}
