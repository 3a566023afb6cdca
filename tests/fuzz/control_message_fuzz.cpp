#include "common/wire/control_message.h"
#include "tests/fuzz/parse_checks.h"

// What parses is written and parsed again to the same value.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace fairlead;
  const auto answer = fuzz::parse_checked(wire::parse_control_message, ByteView(data, size));
  const auto* done = std::get_if<wire::Done<wire::ControlMessage>>(&answer);
  if (done == nullptr || std::holds_alternative<wire::Skipped>(done->value)) return 0;
  Bytes again;
  ByteWriter writer(again);
  wire::write_control_message(done->value, writer);
  const auto second = wire::parse_control_message(again);
  CHECK(std::get<wire::Done<wire::ControlMessage>>(second).value == done->value);
  return 0;
}
