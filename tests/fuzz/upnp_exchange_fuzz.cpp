#include "agent/nat/upnp_exchange.h"
#include "common/base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace fairlead;
  using namespace fairlead::agent::nat;
  const std::string_view in = as_text(ByteView(data, size));
  if (const auto request = parse_upnp_request(in)) {
    CHECK(parse_upnp_request(write_upnp_request(*request)).has_value());
  }
  const auto answer = parse_upnp_answer(in);
  if (!answer) return 0;
  CHECK(answer->facts.model.size() <= 80 && (!answer->error || answer->error->detail.size() <= 200));
  const std::string text = write_upnp_answer(*answer);
  CHECK(text.size() <= kMaxUpnpMessage);
  const auto again = parse_upnp_answer(text);
  CHECK(again.has_value());
  CHECK(again->external_port == answer->external_port && again->lifetime == answer->lifetime);
  return 0;
}
