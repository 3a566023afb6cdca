#include <cstdint>

#include "common/wire/http_head.h"
#include "tests/fuzz/parse_checks.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace fairlead;
  const ByteView in(data, size);
  fuzz::parse_checked(wire::parse_http_response, in);
  const auto answer = fuzz::parse_checked(wire::parse_http_request, in);
  const auto* done = std::get_if<wire::Done<wire::HttpRequest>>(&answer);
  if (done == nullptr) return 0;

  std::string target = done->value.path;
  for (const auto& [name, value] : done->value.query) {
    target += (target.size() == done->value.path.size() ? "?" : "&") + wire::percent_encode(name) + "=" +
              wire::percent_encode(value);
  }
  Bytes out;
  ByteWriter writer(out);
  wire::write_http_request(done->value.method, target, writer);
  if (out.size() > wire::kMaxHttpHead) return 0;  // encoding makes it longer
  const auto again = wire::parse_http_request(out);
  const auto* same = std::get_if<wire::Done<wire::HttpRequest>>(&again);
  CHECK(same != nullptr && same->value == done->value);
  return 0;
}
