#include "common/wire/data_channel.h"

#include "common/wire/first_bytes.h"
#include "tests/support/codec_checks.h"

namespace fairlead::wire {
namespace {

using test::from_hex;

// The generic checks compare fields; covered bytes and MAC are checked below.
template <class T>
Parsed<T> fields_of(Parsed<Signed<T>> parsed) {
  if (auto* done = std::get_if<Done<Signed<T>>>(&parsed)) return Done<T>{done->value.fields, done->consumed};
  if (auto* bad = std::get_if<Malformed>(&parsed)) return *bad;
  return std::get<NeedMore>(parsed);
}
const auto ticket_fields = [](ByteView in) { return fields_of(parse_ticket(in)); };
const auto header_fields = [](ByteView in) { return fields_of(parse_channel_header(in)); };
const auto answer_fields = [](ByteView in) { return fields_of(parse_channel_answer(in)); };

Mac some_mac() {
  Mac mac{};
  for (std::size_t i = 0; i < mac.size(); ++i) mac[i] = static_cast<std::uint8_t>(0xa0 + i);
  return mac;
}

ChannelHeader full_header() {
  ChannelHeader h;
  h.session[0] = 1;
  h.counter = 0x0102030405060708;
  h.nonce[1] = 2;
  h.connection[2] = 3;
  h.caller = *SocketAddress::parse("[2001:db8::9]:40000");
  h.service = "web.home";
  h.sni = "nas1.web.home";
  h.hello_length = kMaxChannelHello;
  h.hello_sha256[31] = 4;
  return h;
}

template <class Write>
Bytes with_mac(Write write) {
  Bytes out;
  ByteWriter writer(out);
  write(writer);
  writer.bytes(some_mac());
  return out;
}
Bytes header_bytes(const ChannelHeader& header) {
  return with_mac([&](ByteWriter& out) { write_channel_header(header, out); });
}
Bytes answer_bytes(const ChannelAnswer& answer) {
  return with_mac([&](ByteWriter& out) { write_channel_answer(answer, out); });
}

const std::string kMacHex = "a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebf";

TEST_CASE("ticket, byte by byte") {
  const Bytes bytes = from_hex("f1464c44 01 000102030405060708090a0b0c0d0e0f 0000000000000105" + kMacHex);
  CHECK(bytes.size() == kTicketSize);
  const auto ticket = test::check_message<Ticket>(bytes, ticket_fields);
  CHECK(ticket.session[15] == 15);
  CHECK(ticket.counter == 0x105);
  CHECK(with_mac([&](ByteWriter& out) { write_ticket(ticket, out); }) == bytes);

  const auto parsed = std::get<Done<Signed<Ticket>>>(parse_ticket(bytes));
  CHECK(parsed.value.covered.data() == bytes.data());
  CHECK(parsed.value.covered.size() == kTicketSize - 32);
  CHECK(parsed.value.mac == some_mac());
}

TEST_CASE("no ticket: wrong magic or version, seen at the first wrong byte") {
  const auto bad = [](std::string_view hex) { return test::refused(from_hex(hex), ticket_fields); };
  for (const char* hex : {"16", "f0", "f147", "f1464c45", "f1464c4400", "f1464c4402", "f1464c44ff"}) {
    CAPTURE(hex);
    CHECK(bad(hex) == Reason::ticket_malformed);
  }
  CHECK(std::get<NeedMore>(parse_ticket(from_hex("f1464c4401"))).at_least == kTicketSize - 5);
}

TEST_CASE("header, byte by byte") {
  const Bytes bytes = from_hex(R"(
    01 0088                            # version, length of what follows
    01000000000000000000000000000000   # session
    0000000000000007                   # counter
    02000000000000000000000000000000   # nonce
    03000000000000000000000000000000   # connection
    04 c0000201 01bb                   # caller 192.0.2.1:443
    03 612e62                          # service "a.b"
    00                                 # no SNI
    00000005                           # hello length
    )" + std::string(64, '9') + kMacHex);
  // Length: 16 + 8 + 16 + 16 + 7 + 4 + 1 + 4 + 32 + 32 = 136 = 0x88.
  const auto header = test::check_message<ChannelHeader>(bytes, header_fields);
  CHECK(header.counter == 7);
  CHECK(header.caller.to_string() == "192.0.2.1:443");
  CHECK(header.service == "a.b");
  CHECK(header.sni.empty());
  CHECK(header.hello_length == 5);
  CHECK(header_bytes(header) == bytes);

  const auto parsed = std::get<Done<Signed<ChannelHeader>>>(parse_channel_header(bytes));
  CHECK(parsed.value.covered.size() == bytes.size() - 32);
  CHECK(parsed.value.mac == some_mac());
}

TEST_CASE("headers and answers come back as they were written") {
  const auto header_trip = [](const ChannelHeader& header) {
    test::check_round_trip(header, header_fields, [&](ByteWriter& out) {
      write_channel_header(header, out);
      out.bytes(some_mac());
    });
  };
  header_trip(full_header());
  header_trip(ChannelHeader{});
  ChannelHeader longest = full_header();
  longest.service.assign(255, 's');
  longest.sni.assign(255, 'n');
  header_trip(longest);

  for (const ChannelAnswer& answer : {ChannelAnswer{}, ChannelAnswer{Verdict::refused, "target_refused"},
                                      ChannelAnswer{Verdict::refused, std::string(kMaxAnswerCode, 'z')}}) {
    test::check_round_trip(answer, answer_fields, [&](ByteWriter& out) {
      write_channel_answer(answer, out);
      out.bytes(some_mac());
    });
  }
}

TEST_CASE("answer, byte by byte") {
  CHECK(answer_bytes({}) == from_hex("01 0022 00 00" + kMacHex));
  CHECK(answer_bytes({Verdict::refused, "agent_busy"}) == from_hex("01 002c 01 0a 6167656e745f62757379" + kMacHex));
}

TEST_CASE("a newer peer's bytes between the last field and the MAC are passed over but covered") {
  Bytes bytes = answer_bytes({});
  bytes.insert(bytes.begin() + 5, {1, 2, 3});
  ByteWriter(bytes).patch_u16(1, static_cast<std::uint16_t>(bytes.size() - kFrameHead));
  CHECK(test::check_message<ChannelAnswer>(bytes, answer_fields) == ChannelAnswer{});
  const auto parsed = std::get<Done<Signed<ChannelAnswer>>>(parse_channel_answer(bytes));
  CHECK(parsed.value.covered.size() == 8);

  Bytes header = header_bytes(full_header());
  header.insert(header.end() - 32, 100, 0xcc);
  ByteWriter(header).patch_u16(1, static_cast<std::uint16_t>(header.size() - kFrameHead));
  CHECK(test::check_message<ChannelHeader>(header, header_fields) == full_header());
}

TEST_CASE("broken answers") {
  const auto bad = [](const std::string& hex) { return test::refused(from_hex(hex), answer_fields); };
  const std::string mac = kMacHex;
  CHECK(bad("00") == Reason::answer_malformed);  // version
  CHECK(bad("02") == Reason::answer_malformed);
  CHECK(bad("16 0301") == Reason::answer_malformed);  // a TLS record in its place
  CHECK(bad("01 0000") == Reason::answer_malformed);  // shorter than a MAC
  CHECK(bad("01 001f") == Reason::answer_malformed);
  CHECK(bad("01 01fe") == Reason::answer_malformed);  // above the limit, by its head alone
  CHECK(bad("01 ffff") == Reason::answer_malformed);
  CHECK(bad("01 0020" + mac) == Reason::answer_malformed);           // a MAC and nothing else
  CHECK(bad("01 0021 00" + mac) == Reason::answer_malformed);        // no code
  CHECK(bad("01 0022 02 00" + mac) == Reason::answer_malformed);     // no such verdict
  CHECK(bad("01 0022 01 00" + mac) == Reason::answer_malformed);     // refused without a reason
  CHECK(bad("01 0023 00 01 61" + mac) == Reason::answer_malformed);  // accepted with one
  CHECK(bad("01 0023 01 01 41" + mac) == Reason::answer_malformed);  // not a code
  CHECK(bad("01 0023 01 02 61" + mac) == Reason::answer_malformed);  // reaches into the MAC
}

TEST_CASE("broken headers") {
  const auto bad = [](const Bytes& bytes) { return test::refused(bytes, header_fields); };
  CHECK(bad(from_hex("02")) == Reason::header_malformed);
  CHECK(bad(from_hex("01 001f")) == Reason::header_malformed);
  CHECK(bad(from_hex("01 07fe")) == Reason::header_malformed);
  CHECK(bad(from_hex("f1464c44")) == Reason::header_malformed);  // a reflected ticket

  // Cut before each byte of its fields.
  const Bytes whole = header_bytes(full_header());
  for (std::size_t fields = 0; fields < whole.size() - kFrameHead - 32; ++fields) {
    Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(kFrameHead + fields + 32));
    ByteWriter(cut).patch_u16(1, static_cast<std::uint16_t>(fields + 32));
    if (!std::holds_alternative<Malformed>(parse_channel_header(cut))) FAIL_CHECK("accepted " << fields << " bytes");
  }

  Bytes long_hello = whole;
  long_hello[whole.size() - 32 - 32 - 1] = 1;  // 64 KiB and one byte
  CHECK(bad(long_hello) == Reason::header_malformed);
  Bytes family = whole;
  family[kFrameHead + 16 + 8 + 16 + 16] = 7;
  CHECK(bad(family) == Reason::header_malformed);
  Bytes control = whole;
  control[kFrameHead + 16 + 8 + 16 + 16 + 19 + 1] = '\n';
  CHECK(bad(control) == Reason::header_malformed);
}

TEST_CASE("a mapped caller address arrives as IPv4") {
  Bytes bytes = header_bytes(full_header());
  const std::size_t ip = kFrameHead + 16 + 8 + 16 + 16 + 1;
  const Bytes mapped = from_hex("00000000000000000000ffff c0000201");
  std::copy(mapped.begin(), mapped.end(), bytes.begin() + static_cast<std::ptrdiff_t>(ip));
  CHECK(test::check_message<ChannelHeader>(bytes, header_fields).caller.to_string() == "192.0.2.1:40000");
}

}  // namespace
}  // namespace fairlead::wire
