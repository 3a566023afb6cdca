#include "common/base/bytes.h"

#include <array>

#include "common/base/byte_reader.h"
#include "common/base/byte_writer.h"
#include "tests/support/doctest.h"

namespace fairlead {
namespace {

TEST_CASE("integers are big-endian, both ways") {
  Bytes out;
  ByteWriter writer(out);
  writer.u8(0x01);
  writer.u16(0x0203);
  writer.u32(0x04050607);
  writer.u64(0x08090A0B0C0D0E0F);
  CHECK(to_hex(out) == "0102030405060708090a0b0c0d0e0f");
  CHECK(writer.size() == out.size());
  ByteReader reader(out);
  CHECK(reader.u8() == 0x01);
  CHECK(reader.u16() == 0x0203);
  CHECK(reader.u32() == 0x04050607);
  CHECK(reader.u64() == 0x08090A0B0C0D0E0F);
  CHECK(reader.finished());
  CHECK(ByteReader(Bytes{0xFF, 0xFE, 0xFD}).u24() == 0xFFFEFD);
}

TEST_CASE("a reader fails once and stays failed") {
  const Bytes in{1, 2, 3};
  ByteReader reader(in);
  CHECK(reader.u8() == 1);
  CHECK(reader.u32() == 0);
  CHECK_FALSE(reader.ok());
  CHECK(reader.u8() == 0);  // though two bytes are left
  CHECK(reader.bytes(1).empty());
  CHECK(reader.bytes(0).empty());
  CHECK_FALSE(reader.finished());
  CHECK(reader.rest().size() == 2);
}

TEST_CASE("an empty reader is finished; reading nothing does not fail it") {
  ByteReader reader({});
  CHECK(reader.finished());
  CHECK(reader.bytes(0).empty());
  CHECK(reader.ok());
  reader.skip(1);
  CHECK_FALSE(reader.ok());
}

TEST_CASE("length-prefixed views, whole, short and longer than the input") {
  const Bytes in{2, 'a', 'b', 0, 1, 'c', 0};
  ByteReader reader(in);
  CHECK(as_text(reader.bytes8()) == "ab");
  CHECK(as_text(reader.bytes16()) == "c");
  CHECK(reader.bytes8().empty());
  CHECK(reader.finished());
  const Bytes longer{3, 'a', 'b'};
  ByteReader short_one(longer);
  CHECK(short_one.bytes8().empty());
  CHECK_FALSE(short_one.ok());
  const Bytes half{0};
  ByteReader no_length(half);
  CHECK(no_length.bytes16().empty());
  CHECK_FALSE(no_length.ok());
}

TEST_CASE("writing prefixes, and lengths that are known later") {
  Bytes out;
  ByteWriter writer(out);
  writer.u16(0);
  writer.bytes8(as_bytes("ab"));
  writer.bytes16(as_bytes("c"));
  writer.u32(0);
  writer.text("d");
  writer.patch_u16(0, 0xBEEF);
  writer.patch_u32(8, 0x01020304);
  CHECK(to_hex(out) == "beef0261620001630102030464");
}

TEST_CASE("a writer appends to what is there") {
  Bytes out{9};
  ByteWriter(out).u8(1);
  CHECK(out == Bytes{9, 1});
}

TEST_CASE("hex") {
  CHECK(to_hex({}).empty());
  CHECK(to_hex(std::array<std::uint8_t, 3>{0x00, 0x0f, 0xff}) == "000fff");
}

}  // namespace
}  // namespace fairlead
