#include "common/wire/verify.h"

#include "tests/support/codec_checks.h"

namespace fairlead::wire {
namespace {

using test::from_hex;

const std::string kRequestHex =
    "f1464c56 01 000102030405060708090a0b0c0d0e0f 101112131415161718191a1b1c1d1e1f"
    "a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebf";
const std::string kAnswerHex = "f1464c41 01 a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebf";

TEST_CASE("verify request, byte by byte") {
  const Bytes bytes = from_hex(kRequestHex);
  const auto parsed = parse_verify_request(bytes);
  const auto& done = std::get<Done<Signed<VerifyRequest>>>(parsed);
  CHECK(done.consumed == kVerifyRequestSize);
  CHECK(done.value.fields.session[15] == 15);
  CHECK(done.value.fields.nonce[0] == 16);
  CHECK(done.value.mac[0] == 0xa0);
  CHECK(done.value.covered.size() == kVerifyRequestSize - 32);
  Bytes again;
  ByteWriter writer(again);
  write_verify_request(done.value.fields, writer);
  writer.bytes(done.value.mac);
  CHECK(again == bytes);
}

TEST_CASE("verify answer, byte by byte") {
  const Bytes bytes = from_hex(kAnswerHex);
  const auto parsed = parse_verify_answer(bytes);
  const auto& done = std::get<Done<VerifyAnswer>>(parsed);
  CHECK(done.consumed == kVerifyAnswerSize);
  Bytes again;
  ByteWriter writer(again);
  write_verify_answer(done.value, writer);
  CHECK(again == bytes);
}

TEST_CASE("every prefix wants more, and every wrong byte of the head is refused at once") {
  const Bytes request = from_hex(kRequestHex);
  const Bytes answer = from_hex(kAnswerHex);
  for (std::size_t n = 0; n < request.size(); ++n) {
    CHECK(std::holds_alternative<NeedMore>(parse_verify_request(ByteView(request).first(n))));
  }
  for (std::size_t n = 0; n < answer.size(); ++n) {
    CHECK(std::holds_alternative<NeedMore>(parse_verify_answer(ByteView(answer).first(n))));
  }
  for (std::size_t at = 0; at < 5; ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      Bytes wrong = request;
      wrong[at] = static_cast<std::uint8_t>(wrong[at] ^ (1 << bit));
      CHECK(std::holds_alternative<Malformed>(parse_verify_request(ByteView(wrong).first(at + 1))));
      wrong = answer;
      wrong[at] = static_cast<std::uint8_t>(wrong[at] ^ (1 << bit));
      CHECK(std::holds_alternative<Malformed>(parse_verify_answer(ByteView(wrong).first(at + 1))));
    }
  }
}

}  // namespace
}  // namespace fairlead::wire
