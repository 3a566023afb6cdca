#include <cstdint>

#include "common/wire/proxy_protocol.h"
#include "tests/fuzz/parse_checks.h"

namespace {
using namespace fairlead;

// What was read can be written, and reads the same again.
void write_and_read(wire::ProxyVersion version, const wire::ProxyHeader& header) {
  Bytes out;
  ByteWriter writer(out);
  wire::write_proxy_header(version, header, writer);
  const auto again = wire::parse_proxy_header(out);
  const auto* done = std::get_if<wire::Done<wire::ProxyHeader>>(&again);
  CHECK(done != nullptr && done->consumed == out.size());
  if (version == wire::ProxyVersion::v2) CHECK(done->value == header);
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto answer = fuzz::parse_checked(wire::parse_proxy_header, ByteView(data, size));
  const auto* done = std::get_if<wire::Done<wire::ProxyHeader>>(&answer);
  if (done == nullptr) return 0;
  CHECK(done->value.local != done->value.source.has_value());
  write_and_read(wire::ProxyVersion::v1, done->value);
  write_and_read(wire::ProxyVersion::v2, done->value);
  return 0;
}
