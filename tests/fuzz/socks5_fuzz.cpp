#include <algorithm>
#include <cstdint>

#include "common/wire/socks5.h"
#include "tests/fuzz/parse_checks.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace fairlead;
  const ByteView in(data, size);
  fuzz::parse_checked(wire::parse_socks_greeting, in);
  const auto request = fuzz::parse_checked(wire::parse_socks_request, in);
  const auto* done = std::get_if<wire::Done<wire::SocksRequest>>(&request);
  if (done == nullptr) return 0;
  CHECK(!done->value.host.empty() && done->value.host.size() <= 255);
  CHECK(std::ranges::all_of(done->value.host, [](char c) { return c > 0x20 && c < 0x7f; }));
  return 0;
}
