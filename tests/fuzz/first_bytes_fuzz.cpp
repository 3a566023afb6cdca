#include <cstdint>

#include "common/wire/client_hello.h"
#include "common/wire/first_bytes.h"
#include "tests/fuzz/parse_checks.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace fairlead;
  const ByteView in(data, size);
  const auto answer = fuzz::parse_checked(wire::classify_first_bytes, in);
  CHECK(size < wire::kTicketMagic.size() || !std::holds_alternative<wire::NeedMore>(answer));
  // A ClientHello is never taken for something else.
  const auto hello = wire::parse_client_hello(in);
  if (!std::holds_alternative<wire::Done<wire::ClientHello>>(hello)) return 0;
  const auto* done = std::get_if<wire::Done<wire::FirstBytes>>(&answer);
  CHECK(done != nullptr && done->value == wire::FirstBytes::tls);
  return 0;
}
