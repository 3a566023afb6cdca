#include "common/wire/crc32c.h"

#include "tests/support/codec_checks.h"

namespace fairlead::wire {
namespace {

TEST_CASE("CRC-32C of the published vectors") {
  CHECK(crc32c({}) == 0);
  CHECK(crc32c(as_bytes("123456789")) == 0xE3069283);
  CHECK(crc32c(Bytes(32, 0x00)) == 0x8A9136AA);  // RFC 3720 §B.4
  CHECK(crc32c(Bytes(32, 0xFF)) == 0x62A8AB43);  // RFC 3720 §B.4
}

}  // namespace
}  // namespace fairlead::wire
