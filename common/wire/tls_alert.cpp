#include "common/wire/tls_alert.h"

#include "common/base/byte_writer.h"

namespace fairlead::wire {

Bytes tls_alert(std::uint8_t description) {
  constexpr std::uint8_t kContentAlert = 21;
  constexpr std::uint16_t kTls12 = 0x0303;  // what every version's client accepts before a version is agreed
  constexpr std::uint8_t kFatal = 2;
  Bytes out;
  ByteWriter writer(out);
  writer.u8(kContentAlert);
  writer.u16(kTls12);
  writer.u16(2);
  writer.u8(kFatal);
  writer.u8(description);
  return out;
}

}  // namespace fairlead::wire
