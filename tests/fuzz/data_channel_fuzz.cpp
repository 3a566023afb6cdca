#include "common/core/channel_keys.h"
#include "tests/fuzz/parse_checks.h"

namespace {

using namespace fairlead;

// Parses with the generic checks, and verifies: nobody who lacks the key makes a message that verifies.
template <class T, class Verify>
void check(wire::Parsed<wire::Signed<T>> (*parse)(ByteView), ByteView in, Verify verify) {
  const auto whole = parse(in);
  const auto early = parse(in.first(in.size() / 2));
  if (std::holds_alternative<wire::Malformed>(early)) CHECK(std::holds_alternative<wire::Malformed>(whole));
  const auto* done = std::get_if<wire::Done<wire::Signed<T>>>(&whole);
  if (done == nullptr) return;
  CHECK(done->consumed <= in.size());
  CHECK(done->value.covered.data() == in.data());
  CHECK(done->value.covered.size() + done->value.mac.size() == done->consumed);
  CHECK(!verify(done->value));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const core::ChannelKeys keys(wire::SessionKey{1}, wire::SessionId{});
  const ByteView in(data, size);
  check(wire::parse_ticket, in, [](const auto& ticket) { return keys.verify_ticket(ticket).has_value(); });
  check(wire::parse_channel_header, in, [](const auto& header) { return keys.verify_header(header, 0).has_value(); });
  check(wire::parse_channel_answer, in, [](const auto& answer) { return keys.verify_answer(answer, {}).has_value(); });
  check(wire::parse_verify_request, in, [](const auto& ask) { return keys.check_verify_request(ask).has_value(); });
  const auto answer = wire::parse_verify_answer(in);
  if (const auto* done = std::get_if<wire::Done<wire::VerifyAnswer>>(&answer)) {
    CHECK(!keys.check_verify_answer(done->value, {}));
  }
  return 0;
}
