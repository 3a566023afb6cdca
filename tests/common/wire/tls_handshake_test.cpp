#include "common/wire/tls_handshake.h"

#include "common/wire/client_hello.h"
#include "tests/common/wire/tls_bytes.h"
#include "tests/support/codec_checks.h"

namespace fairlead::wire {
namespace {

using namespace fairlead::test;

constexpr std::uint8_t kType = 1;

HandshakeRules rules(AfterMessage after, std::size_t limit = 1000) {
  return {.type = kType,
          .highest_minor = 4,
          .after = after,
          .limit = limit,
          .not_tls = Reason::client_not_tls,
          .malformed = Reason::client_hello_malformed,
          .too_long = Reason::classify_too_long};
}
constexpr auto strict = [](ByteView in) { return collect_handshake(in, rules(AfterMessage::nothing)); };
constexpr auto lax = [](ByteView in) { return collect_handshake(in, rules(AfterMessage::anything)); };

TEST_CASE("a message in one record, in two, and one byte a record") {
  const Bytes message = handshake(kType, text("hello"));
  CHECK(check_message<Bytes>(cut_records(message, {}), strict) == text("hello"));
  CHECK(check_message<Bytes>(cut_records(message, {6}), strict) == text("hello"));
  CHECK(check_message<Bytes>(cut_records(message, {1, 2, 3, 4, 5, 6, 7, 8}), strict) == text("hello"));
  CHECK(check_message<Bytes>(cut_records(handshake(kType, {}), {}), strict) == Bytes());
}

TEST_CASE("more in the last record: refused from a client, left alone from a server") {
  const Bytes message = handshake(kType, text("hello"));
  const Bytes shared = handshake_record(join({message, handshake(11, text("certificate"))}));
  CHECK(refused(shared, strict) == Reason::client_hello_malformed);
  const auto answer = lax(shared);
  REQUIRE(std::holds_alternative<Done<Bytes>>(answer));
  CHECK(std::get<Done<Bytes>>(answer).value == text("hello"));
  CHECK(std::get<Done<Bytes>>(answer).consumed == kTlsRecordHeader + message.size());
  CHECK(decided_after(shared, lax) == kTlsRecordHeader + message.size());
}

TEST_CASE("records in between that are not handshake") {
  const Bytes message = handshake(kType, text("hello"));
  const Bytes half = handshake_record({message.begin(), message.begin() + 6});
  for (const std::uint8_t type : Bytes{20, 21, 23, 24, 0}) {
    CHECK(refused(join({half, record(type, 0x0303, {1})}), strict) == Reason::client_hello_malformed);
  }
  CHECK(refused(join({half, record(22, 0x0205, {1})}), strict) == Reason::client_hello_malformed);
  CHECK(refused(join({half, record(22, 0x0305, {1})}), strict) == Reason::client_hello_malformed);
}

TEST_CASE("record lengths") {
  CHECK(refused(from_hex("16 03 01 00 00"), strict) == Reason::client_hello_malformed);  // RFC 8446 §5.1: never empty
  CHECK(refused(from_hex("16 03 01 40 01"), strict) == Reason::client_hello_malformed);  // above 2^14
  CHECK(refused(from_hex("16 03 01 40 00 01 00 03 00"), strict) ==
        Reason::client_hello_malformed);  // beyond the message
}

TEST_CASE("another message than the expected one is known at its first byte") {
  const Bytes other = handshake_record(handshake(2, text("hello")));
  CHECK(refused(other, strict) == Reason::client_hello_malformed);
  CHECK(decided_after(other, strict) == kTlsRecordHeader + 1);
}

TEST_CASE("too long is answered at the length, before the bytes come") {
  const Bytes announced = from_hex("16 03 01 00 ff 01 00 03 e8");  // 4 + 1000 bytes
  CHECK(refused(announced, strict) == Reason::classify_too_long);
  CHECK(decided_after(announced, strict) == announced.size());
  CHECK(refused(from_hex("16 03 01 00 ff 01 ff ff ff"), strict) == Reason::classify_too_long);
}

TEST_CASE("the limit counts record headers, and is exact") {
  const Bytes message = handshake(kType, Bytes(100, 'x'));
  const Bytes cut = cut_records(message, {50, 90});
  const auto with_limit = [&](std::size_t limit) {
    return refused(cut, [limit](ByteView in) { return collect_handshake(in, rules(AfterMessage::nothing, limit)); });
  };
  CHECK(with_limit(cut.size()) == std::nullopt);
  for (std::size_t limit = message.size(); limit < cut.size(); ++limit) {
    CAPTURE(limit);
    CHECK(with_limit(limit) == Reason::classify_too_long);
  }
  // Two records of 55 and 45 bytes: with room for the third one's header alone it is not waited for.
  const auto tight = [](ByteView in) { return collect_handshake(in, rules(AfterMessage::nothing, 105)); };
  CHECK(decided_after(cut, tight) == 100);
}

TEST_CASE("a message in more records than allowed is refused") {
  const auto in_records = [](std::size_t records) {
    std::vector<std::size_t> cuts;
    for (std::size_t i = 1; i < records; ++i) cuts.push_back(i);
    return cut_records(handshake(kType, Bytes(100, 'x')), cuts);
  };
  CHECK(refused(in_records(kMaxHandshakeRecords), strict) == std::nullopt);
  CHECK(refused(in_records(kMaxHandshakeRecords + 1), strict) == Reason::client_hello_malformed);
}

TEST_CASE("the longest ClientHello") {
  const auto padded = [](std::size_t message_size) {
    const std::size_t plain = hello_with(extension(21, {})).size();
    const Bytes message = hello_with(extension(21, Bytes(message_size - plain)));
    return cut_records(message, {kMaxTlsPlaintext, 2 * kMaxTlsPlaintext, 3 * kMaxTlsPlaintext});
  };
  const std::size_t most = kMaxClientHello - 4 * kTlsRecordHeader;
  const auto answer = parse_client_hello(padded(most));
  REQUIRE(std::holds_alternative<Done<ClientHello>>(answer));
  CHECK(std::get<Done<ClientHello>>(answer).consumed == kMaxClientHello);
  const auto longer = parse_client_hello(padded(most + 1));
  REQUIRE(std::holds_alternative<Malformed>(longer));
  CHECK(std::get<Malformed>(longer).reason == Reason::classify_too_long);
}

}  // namespace
}  // namespace fairlead::wire
