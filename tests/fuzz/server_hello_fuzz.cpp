#include <cstdint>

#include "common/wire/server_hello.h"
#include "tests/fuzz/parse_checks.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace fairlead;
  const auto answer = fuzz::parse_checked(wire::parse_server_first, ByteView(data, size));
  // Whatever was accepted began as TLS does.
  if (std::holds_alternative<wire::Done<wire::ServerFirst>>(answer))
    CHECK((data[0] == 21 || data[0] == 22) && data[1] == 3);
  return 0;
}
