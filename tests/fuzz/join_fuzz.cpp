// The token that a person pastes, the request of a stranger, the answer of a server.
#include "common/wire/join.h"
#include "tests/fuzz/parse_checks.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace fairlead;
  const ByteView in(data, size);
  const auto request = fuzz::parse_checked(wire::parse_join_question, in);
  if (const auto* done = std::get_if<wire::Done<wire::JoinQuestion>>(&request)) {
    Bytes again;
    ByteWriter out(again);
    wire::write_join_question(done->value, out);
    CHECK(again.size() <= done->consumed);
  }
  fuzz::parse_checked(wire::parse_join_answer, in);
  const auto token = wire::parse_join_token(as_text(in));
  if (token) CHECK(wire::parse_join_token(wire::write_join_token(*token)).value() == *token);
  return 0;
}
