#include <cstdint>

#include "common/base/pattern.h"
#include "common/wire/client_hello.h"
#include "tests/fuzz/parse_checks.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace fairlead;
  const auto answer = fuzz::parse_checked(wire::parse_client_hello, ByteView(data, size));
  const auto* done = std::get_if<wire::Done<wire::ClientHello>>(&answer);
  if (done == nullptr) {
    const bool full = size >= wire::kMaxClientHello;
    CHECK(!full || std::holds_alternative<wire::Malformed>(answer));
    return 0;
  }
  CHECK(done->consumed <= wire::kMaxClientHello);
  CHECK(done->value.alpn.size() <= wire::kMaxAlpnProtocols);
  const auto& name = done->value.server_name;
  CHECK(!name || (!name->empty() && name->size() <= wire::kMaxServerName));
  CHECK(!name || name->find_first_of(std::string_view("\0 \r\n", 4)) == std::string::npos);
  return 0;
}
