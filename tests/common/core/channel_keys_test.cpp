#include "common/core/channel_keys.h"

#include "common/crypto/sha256.h"
#include "tests/support/codec_checks.h"

namespace fairlead::core {
namespace {

using wire::Verdict;

wire::SessionKey key_of(std::uint8_t first) {
  wire::SessionKey key{};
  key[0] = first;
  return key;
}
constexpr wire::SessionId kSession{1, 2, 3};
const Bytes kHello{0x16, 3, 1, 0, 1, 1};

struct Ends {
  ChannelKeys agent{key_of(1), kSession};
  ChannelKeys server{key_of(1), kSession};
};

template <class T>
wire::Signed<T> done(wire::Parsed<wire::Signed<T>> parsed) {
  REQUIRE(std::holds_alternative<wire::Done<wire::Signed<T>>>(parsed));
  return std::get<wire::Done<wire::Signed<T>>>(parsed).value;
}
auto ticket_of(const Bytes& bytes) {
  return done(wire::parse_ticket(bytes));
}
auto header_of(const Bytes& bytes) {
  return done(wire::parse_channel_header(bytes));
}
auto answer_of(const Bytes& bytes) {
  return done(wire::parse_channel_answer(bytes));
}

wire::ChannelHeader fields(std::uint64_t counter) {
  wire::ChannelHeader header;
  header.counter = counter;
  header.caller = *SocketAddress::parse("192.0.2.1:5");
  header.service = "web.home";
  header.sni = "web.home";
  return header;
}

// No byte of a message can change without being noticed: it does not parse, or it does not verify.
template <class Parse, class Verify>
void check_every_byte_counts(const Bytes& message, Parse parse, Verify verify) {
  for (std::size_t at = 0; at < message.size(); ++at) {
    for (const int mask : {0x01, 0x10, 0x80, 0xff}) {
      Bytes changed = message;
      changed[at] = static_cast<std::uint8_t>(changed[at] ^ mask);
      const auto parsed = parse(changed);
      if (const auto* whole = std::get_if<1>(&parsed)) {
        if (verify(whole->value)) FAIL_CHECK("byte " << at << " may change");
      }
    }
  }
}

TEST_CASE("a key leaves nothing behind where it was") {
  alignas(wire::SessionKey) std::array<std::uint8_t, sizeof(wire::SessionKey)> place{};
  auto* key = new (place.data()) wire::SessionKey(key_of(7));
  CHECK((*key)[0] == 7);
  key->~SessionKey();
  CHECK(place == decltype(place){});
}

TEST_CASE("a ticket opens its own session only") {
  const Ends ends;
  const Bytes ticket = ends.agent.make_ticket(42);
  CHECK(ticket.size() == wire::kTicketSize);
  CHECK(ends.server.verify_ticket(ticket_of(ticket)).value() == 42);

  const ChannelKeys other_session(key_of(1), wire::SessionId{9});
  CHECK(other_session.verify_ticket(ticket_of(ticket)).error().reason == Reason::ticket_unknown_session);
  const ChannelKeys other_key(key_of(2), kSession);
  CHECK(other_key.verify_ticket(ticket_of(ticket)).error().reason == Reason::ticket_forged);
  check_every_byte_counts(ticket, wire::parse_ticket,
                          [&](const auto& parsed) { return ends.server.verify_ticket(parsed).has_value(); });
}

TEST_CASE("a header is good for the channel it was made for") {
  const Ends ends;
  const SealedHeader header = ends.server.make_header(fields(42), kHello);
  const auto verified = ends.agent.verify_header(header_of(header.bytes), 42);
  REQUIRE(verified);
  CHECK(verified->session == kSession);
  CHECK(verified->service == "web.home");
  CHECK(verified->hello_length == kHello.size());
  CHECK(header_of(header.bytes).mac == header.mac);

  CHECK(ends.agent.verify_header(header_of(header.bytes), 43).error().reason == Reason::header_replayed);
  const ChannelKeys other_key(key_of(2), kSession);
  CHECK(other_key.verify_header(header_of(header.bytes), 42).error().reason == Reason::header_forged);
  const ChannelKeys other_session(key_of(1), wire::SessionId{9});
  CHECK(other_session.verify_header(header_of(header.bytes), 42).error().reason == Reason::header_forged);
  check_every_byte_counts(header.bytes, wire::parse_channel_header,
                          [&](const auto& parsed) { return ends.agent.verify_header(parsed, 42).has_value(); });
}

TEST_CASE("the hello is the one that the header announced") {
  const Ends ends;
  const auto verified = ends.agent.verify_header(header_of(ends.server.make_header(fields(1), kHello).bytes), 1);
  REQUIRE(verified);
  CHECK(verify_hello(*verified, kHello));
  Bytes longer = kHello;
  longer.push_back(0);
  const Bytes shorter(kHello.begin(), kHello.end() - 1);
  for (const Bytes& wrong : {Bytes{}, longer, shorter, Bytes(kHello.size(), 0)}) {
    CHECK(verify_hello(*verified, wrong).error().reason == Reason::hello_tampered);
  }
  const auto empty = ends.agent.verify_header(header_of(ends.server.make_header(fields(2), {}).bytes), 2);
  CHECK(verify_hello(*empty, {}));
}

TEST_CASE("an answer belongs to its header") {
  const Ends ends;
  const SealedHeader header = ends.server.make_header(fields(1), kHello);
  const SealedHeader other = ends.server.make_header(fields(2), kHello);
  for (const wire::ChannelAnswer& said :
       {wire::ChannelAnswer{}, wire::ChannelAnswer{Verdict::refused, "target_refused"}}) {
    const Bytes answer = ends.agent.make_answer(said, header.mac);
    CHECK(ends.server.verify_answer(answer_of(answer), header.mac).value() == said);
    CHECK(ends.server.verify_answer(answer_of(answer), other.mac).error().reason == Reason::answer_forged);
    const ChannelKeys other_key(key_of(2), kSession);
    CHECK(other_key.verify_answer(answer_of(answer), header.mac).error().reason == Reason::answer_forged);
    check_every_byte_counts(answer, wire::parse_channel_answer, [&](const auto& parsed) {
      return ends.server.verify_answer(parsed, header.mac).has_value();
    });
  }
}

// The key schedule as another implementation would write it.
TEST_CASE("each message has its own key: HKDF with the session id as salt and the message's name") {
  const auto mac = [](std::string_view name, std::initializer_list<ByteView> parts) {
    return crypto::hmac_sha256(crypto::hkdf_sha256(key_of(1), kSession, name, 32), parts);
  };
  const Ends ends;
  const auto ticket_bytes = ends.agent.make_ticket(1);
  const auto ticket = ticket_of(ticket_bytes);
  CHECK(ticket.mac == mac("fairlead/1 ticket", {ticket.covered}));
  const SealedHeader sealed = ends.server.make_header(fields(1), kHello);
  const auto header = header_of(sealed.bytes);
  CHECK(header.mac == mac("fairlead/1 header", {header.covered}));
  const auto answer_bytes = ends.agent.make_answer({}, sealed.mac);
  const auto answer = answer_of(answer_bytes);
  CHECK(answer.mac == mac("fairlead/1 answer", {answer.covered, sealed.mac}));
}

TEST_CASE("the nonce alone makes another header") {
  const Ends ends;
  wire::ChannelHeader again = fields(1);
  again.nonce[0] = 1;
  CHECK(ends.server.make_header(fields(1), kHello).mac != ends.server.make_header(again, kHello).mac);
}

// Each direction and message type has a key of its own: bytes of one kind, even laid out as another, never verify.
TEST_CASE("a message of one kind does not pass as another") {
  const Ends ends;
  const Bytes ticket = ends.agent.make_ticket(1);
  const SealedHeader header = ends.server.make_header(fields(1), kHello);
  const Bytes answer = ends.agent.make_answer({}, header.mac);

  CHECK(std::holds_alternative<wire::Malformed>(wire::parse_channel_header(ticket)));
  CHECK(std::holds_alternative<wire::Malformed>(wire::parse_ticket(header.bytes)));
  CHECK(std::holds_alternative<wire::Malformed>(wire::parse_channel_header(answer)));
  CHECK(std::holds_alternative<wire::Malformed>(wire::parse_channel_answer(ticket)));

  const auto as_ticket = [&](const auto& from) {
    return ends.server.verify_ticket({{kSession, 1}, from.covered, from.mac}).error().reason;
  };
  CHECK(as_ticket(header_of(header.bytes)) == Reason::ticket_forged);
  CHECK(as_ticket(answer_of(answer)) == Reason::ticket_forged);
  const auto as_header = [&](const auto& from) {
    return ends.agent.verify_header({fields(1), from.covered, from.mac}, 1).error().reason;
  };
  CHECK(as_header(ticket_of(ticket)) == Reason::header_forged);
  CHECK(as_header(answer_of(answer)) == Reason::header_forged);
  const auto as_answer = [&](const auto& from) {
    return ends.server.verify_answer({wire::ChannelAnswer{}, from.covered, from.mac}, header.mac).error().reason;
  };
  CHECK(as_answer(ticket_of(ticket)) == Reason::answer_forged);
  CHECK(as_answer(header_of(header.bytes)) == Reason::answer_forged);
}

TEST_CASE("verification: only the session's own key asks and answers, and each byte counts") {
  const ChannelKeys keys(wire::SessionKey{1}, wire::SessionId{2});
  const ChannelKeys other(wire::SessionKey{3}, wire::SessionId{2});
  const wire::Nonce nonce{7, 8, 9};
  const Bytes request = keys.make_verify_request(nonce);
  const auto parsed = [](const Bytes& bytes) {
    return std::get<wire::Done<wire::Signed<wire::VerifyRequest>>>(wire::parse_verify_request(bytes)).value;
  };
  CHECK(keys.check_verify_request(parsed(request)) == nonce);
  CHECK(other.check_verify_request(parsed(request)).error().reason == Reason::verify_forged);
  for (std::size_t i = 5; i < request.size(); ++i) {
    Bytes wrong = request;
    wrong[i] ^= 1;
    CHECK(keys.check_verify_request(parsed(wrong)).error().reason == Reason::verify_forged);
  }
  const auto answered = [](const Bytes& bytes) {
    return std::get<wire::Done<wire::VerifyAnswer>>(wire::parse_verify_answer(bytes)).value;
  };
  const Bytes answer = keys.make_verify_answer(nonce);
  CHECK(keys.check_verify_answer(answered(answer), nonce));
  CHECK_FALSE(keys.check_verify_answer(answered(answer), wire::Nonce{7, 8}));
  CHECK_FALSE(other.check_verify_answer(answered(answer), nonce));
  // A question is no answer, whoever reflects it.
  CHECK(std::holds_alternative<wire::Malformed>(wire::parse_verify_answer(request)));
}

}  // namespace
}  // namespace fairlead::core
