#include "common/wire/join.h"

#include "tests/support/codec_checks.h"

namespace fairlead::wire {
namespace {

using test::from_hex;

JoinRequest request() {
  JoinRequest out;
  out.token.fill(1);
  out.secret.fill(2);
  out.name = "nas";
  out.csr = {0x30, 0x01, 0x00};
  out.software = "s1";
  return out;
}

const std::string kRequestHex =
    "0025 01 0101010101010101 02020202020202020202020202020202 03 6e6173 0003 300100 02 7331";

Joined joined() {
  Joined out;
  out.chain = {Bytes(700, 1), Bytes(600, 2)};
  out.bundle = {Bytes(500, 3)};
  out.trust_domain = "home.example";
  out.cluster = "home";
  out.name = "nas";
  out.rendezvous = {"rv.example.com:443"};
  out.rendezvous_id = "spiffe://home.example/rendezvous/*";
  return out;
}

template <class T>
void check_prefixes(Parsed<T> (*parse)(ByteView), ByteView message) {
  for (std::size_t n = 0; n < message.size(); ++n) {
    CAPTURE(n);
    const Parsed<T> early = parse(message.first(n));
    const auto* more = std::get_if<NeedMore>(&early);
    REQUIRE(more != nullptr);
    CHECK(n + more->at_least <= message.size());
  }
}

TEST_CASE("join request, byte by byte") {
  const Bytes bytes = from_hex(kRequestHex);
  const auto parsed = parse_join_question(bytes);
  const auto& done = std::get<Done<JoinQuestion>>(parsed);
  CHECK(done.consumed == bytes.size());
  CHECK(done.value == JoinQuestion(request()));
  Bytes again;
  ByteWriter out(again);
  write_join_question(request(), out);
  CHECK(again == bytes);
  check_prefixes(parse_join_question, bytes);
}

const std::string kLateHex = "0009 04 0003 300100 02 7331";

TEST_CASE("late renewal, byte by byte") {
  const Bytes bytes = from_hex(kLateHex);
  const auto parsed = parse_join_question(bytes);
  const auto& done = std::get<Done<JoinQuestion>>(parsed);
  CHECK(done.consumed == bytes.size());
  const LateRenewal late{{0x30, 0x01, 0x00}, "s1"};
  CHECK(done.value == JoinQuestion(late));
  Bytes again;
  ByteWriter out(again);
  write_join_question(late, out);
  CHECK(again == bytes);
  check_prefixes(parse_join_question, bytes);
}

TEST_CASE("what a newer joiner appends is skipped") {
  Bytes bytes = from_hex(kRequestHex);
  bytes[1] += 2;
  bytes.insert(bytes.end(), {9, 9});
  const auto parsed = parse_join_question(bytes);
  CHECK(std::get<Done<JoinQuestion>>(parsed).value == JoinQuestion(request()));
}

TEST_CASE("both answers come back whole") {
  for (const JoinAnswer& answer : {JoinAnswer(joined()), JoinAnswer(JoinRefused{"token_used", "no use left"})}) {
    Bytes bytes;
    ByteWriter out(bytes);
    write_join_answer(answer, out);
    const auto parsed = parse_join_answer(bytes);
    const auto& done = std::get<Done<JoinAnswer>>(parsed);
    CHECK(done.consumed == bytes.size());
    CHECK(done.value == answer);
    check_prefixes(parse_join_answer, bytes);
  }
}

TEST_CASE("what cannot be a message is refused before it is whole") {
  CHECK(std::holds_alternative<Malformed>(parse_join_question(from_hex("0000"))));
  CHECK(std::holds_alternative<Malformed>(parse_join_question(from_hex("ffff"))));
  CHECK(std::holds_alternative<Malformed>(parse_join_question(from_hex("002505"))));
  CHECK(std::holds_alternative<Malformed>(parse_join_answer(from_hex("002500"))));
  CHECK(std::holds_alternative<Malformed>(parse_join_answer(from_hex(kRequestHex))));
  CHECK(std::holds_alternative<Malformed>(parse_join_answer(from_hex(kLateHex))));
  CHECK(std::holds_alternative<Malformed>(parse_join_question(from_hex("0004 02 000000"))));
  Bytes long_csr = from_hex(kRequestHex);
  long_csr[31] = 0x09;  // a request of 2,307 bytes
  CHECK(std::holds_alternative<Malformed>(parse_join_question(long_csr)));
}

}  // namespace
}  // namespace fairlead::wire
