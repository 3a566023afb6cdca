#include "tests/bench/load/hello.h"

#include <unistd.h>

#include <algorithm>

#include "common/base/byte_reader.h"
#include "common/base/byte_writer.h"
#include "common/base/check.h"
#include "tests/common/wire/tls_bytes.h"

namespace fairlead::bench {
namespace {

constexpr std::size_t kRandomAt = 5 + 4 + 2;  // record header, handshake header, version
constexpr std::size_t kRandom = 32;
constexpr std::uint16_t kPadding = 21;  // RFC 7685
constexpr std::uint8_t kServerHello = 2;
constexpr std::uint16_t kSupportedVersions = 43;

}  // namespace

Bytes client_hello(const Plan& plan) {
  test::HelloParts parts;
  Bytes random;
  ByteWriter writer(random);
  writer.u8(static_cast<std::uint8_t>(plan.work));
  writer.u64(plan.bytes);
  std::copy(random.begin(), random.end(), parts.random.begin());
  const Bytes name = test::server_name(kServerName);
  parts.tail = test::vec16(test::join({name, test::extension(kPadding, {})}));
  const std::size_t bare = test::handshake_record(parts.message()).size();
  parts.tail = test::vec16(test::join({name, test::extension(kPadding, Bytes(kHelloSize - bare))}));
  Bytes hello = test::handshake_record(parts.message());
  CHECK(hello.size() == kHelloSize);
  return hello;
}

Bytes unique_hello(Bytes hello) {
  static std::uint64_t serial = 0;
  Bytes stamp;
  ByteWriter writer(stamp);
  writer.u64(++serial);
  writer.u64(static_cast<std::uint64_t>(::getpid()));
  std::copy(stamp.begin(), stamp.end(), hello.begin() + kRandomAt + kRandom - stamp.size());
  return hello;
}

Plan plan_of(ByteView hello) {
  ByteReader reader(hello.subspan(kRandomAt, kRandom));
  const auto work = static_cast<Work>(reader.u8());
  return {.work = work, .bytes = reader.u64()};
}

const Bytes& server_hello() {
  static const Bytes kHello = [] {
    const Bytes version = test::extension(kSupportedVersions, test::u16(0x0304));
    const Bytes body = test::join(
        {{0x03, 0x03}, Bytes(kRandom, 0xCC), test::vec8(Bytes(32, 0xBB)), {0x13, 0x01}, {0}, test::vec16(version)});
    return test::handshake_record(test::handshake(kServerHello, body));
  }();
  return kHello;
}

}  // namespace fairlead::bench
