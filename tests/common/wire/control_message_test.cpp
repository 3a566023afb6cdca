#include "common/wire/control_message.h"

#include "common/wire/join.h"
#include "tests/support/codec_checks.h"

namespace fairlead::wire {
namespace {

using test::check_message;
using test::from_hex;

const auto parse = [](ByteView in) { return parse_control_message(in); };

template <class T>
void round_trip(const T& message) {
  test::check_round_trip<ControlMessage>(message, parse, [&](ByteWriter& out) { write_control_message(message, out); });
}

template <class T>
T parse_as(const Bytes& bytes) {
  const ControlMessage message = check_message<ControlMessage>(bytes, parse);
  REQUIRE(std::holds_alternative<T>(message));
  return std::get<T>(message);
}

Bytes written(const ControlMessage& message) {
  Bytes out;
  ByteWriter writer(out);
  write_control_message(message, writer);
  return out;
}

// The same message with bytes behind its last known field, as a newer peer sends it.
Bytes grown(const ControlMessage& message, std::size_t by) {
  Bytes out = written(message);
  out.insert(out.end(), by, 0xee);
  ByteWriter(out).patch_u32(2, static_cast<std::uint32_t>(out.size() - kControlHead));
  return out;
}

Hello full_hello() {
  return {2, 0x8000000000000001, "fairlead-agent 0.1.0", "nas1", "home", {1, 2, 3, 255}, 77, 0, 512};
}

Welcome full_welcome() {
  Welcome w;
  w.features = 5;
  w.instance_id[0] = 9;
  w.session_id[15] = 8;
  w.key[31] = 7;
  w.data_addresses = {*SocketAddress::parse("192.0.2.1:15443"), *SocketAddress::parse("[2001:db8::7]:443")};
  w.address_seen = *SocketAddress::parse("[2001:db8::1]:50000");
  w.server_time = -1;
  w.trust_domain = "mesh.example.com";
  w.domains = {"mesh.example.com", "example.org"};
  return w;
}

TEST_CASE("hello, byte by byte") {
  const Bytes bytes = from_hex(R"(
    8001 00000033              # hello, critical, 51 bytes
    0001                       # version
    0000000000000002           # features
    02 7631                    # software "v1"
    04 6e617331                # endpoint "nas1"
    04 686f6d65                # cluster "home"
    000102030405060708090a0b0c0d0e0f
    0000000000000003           # counter
    0001 0020                  # pool
    )");
  const auto hello = parse_as<Hello>(bytes);
  CHECK(hello.features == 2);
  CHECK(hello.software == "v1");
  CHECK(hello.endpoint == "nas1");
  CHECK(hello.cluster == "home");
  CHECK(hello.boot_id[15] == 15);
  CHECK(hello.counter == 3);
  CHECK(hello.pool_min == 1);
  CHECK(hello.pool_max == 32);
  CHECK(written(hello) == bytes);
}

TEST_CASE("refused, byte by byte") {
  const Bytes bytes = from_hex("8005 00000017 00000007 0a 6e616d655f74616b656e 0000003c 03 6e6f21");
  const auto refused = parse_as<Refused>(bytes);
  CHECK(refused == Refused{7, "name_taken", 60, "no!"});
  CHECK(written(refused) == bytes);
}

TEST_CASE("relay_ended, byte by byte; who does not know it passes it over") {
  const Bytes bytes = from_hex("0014 0000001d 000102030405060708090a0b0c0d0e0f 0c 69646c655f74696d656f7574");
  const auto ended = parse_as<RelayEnded>(bytes);
  CHECK(ended.connection[15] == 15);
  CHECK(ended.code == "idle_timeout");
  CHECK(written(ended) == bytes);
}

TEST_CASE("a renewal and its answer, byte by byte; who does not know them passes them over") {
  const Bytes asked = from_hex("001c 00000005 0003 300102");
  const auto renew = parse_as<Renew>(asked);
  CHECK(renew.csr == Bytes{0x30, 1, 2});
  CHECK(written(renew) == asked);
  const Bytes answered = from_hex(R"(
    001d 00000012
    00                         # code: none
    00000000                   # retry_after_s
    02 0002 3031 0001 32       # chain
    01 0002 3033               # bundle
    )");
  const auto renewed = parse_as<Renewed>(answered);
  CHECK(renewed == Renewed{"", 0, {{0x30, 0x31}, {0x32}}, {{0x30, 0x33}}});
  CHECK(written(renewed) == answered);
}

TEST_CASE("every message comes back as it was written") {
  round_trip(full_hello());
  round_trip(Hello{});
  round_trip(full_welcome());
  round_trip(Welcome{});
  round_trip(Register{1, "web", "web.default.svc.cluster.local", 8443, {"a.example", "b.example"}, {"v1"}});
  round_trip(Register{});
  round_trip(Registered{1, "web.home", {"rv.example.com:15443", "[::1]:1"}, {"0.0.0.0/0", "::/0"}, 4, {}, {}});
  round_trip(Registered{1, "web.home", {}, {}, 4, {"db.home", "x.example.com"}, {"policy_denied", "policy_denied"}});
  round_trip(Refused{0, "duplicate_identity", 60, "another host"});
  round_trip(Refused{});
  round_trip(Unregister{3, "shutting_down"});
  round_trip(OpenChannels{65535});
  round_trip(PoolSize{12});
  round_trip(Ping{0xffffffffffffffff});
  round_trip(Pong{1});
  round_trip(Drain{5000});
  round_trip(EndpointCandidate{1, *SocketAddress::parse("[2001:db8::7]:40000"), "nat_pmp"});
  round_trip(EndpointCandidate{});
  round_trip(VerifyNonce{2, {1, 2, 3}});
  round_trip(Verified{3, "verify_failed"});
  round_trip(Verified{});
  round_trip(CandidateWithdrawn{4, "network_changed"});
  round_trip(RelayEnded{{1, 2, 3}, "service_not_tls"});
  round_trip(Renew{Bytes(300, 0x30)});
  round_trip(Renew{});
  round_trip(Renewed{"", 0, {Bytes(700, 1), Bytes(600, 2)}, {Bytes(500, 3)}});
  round_trip(Renewed{"device_unknown", 60, {}, {}});
}

TEST_CASE("the longest messages fit") {
  const std::vector<std::string> many(kMaxListEntries, std::string(kMaxText, 'x'));
  round_trip(Register{1, std::string(kMaxText, 's'), std::string(kMaxText, 'h'), 1, many, many});
  round_trip(Registered{1, std::string(kMaxText, 's'), many, many, 1, {}, {}});
  Welcome welcome = full_welcome();
  welcome.data_addresses.assign(kMaxListEntries, *SocketAddress::parse("[2001:db8::7]:443"));
  round_trip(welcome);
  round_trip(Renew{Bytes(kMaxCsr, 0x30)});
  round_trip(Renewed{"", 0, std::vector<Bytes>(3, Bytes(kMaxJoinCertificate, 1)), {Bytes(kMaxJoinCertificate, 2)}});
}

TEST_CASE("certificates that no answer can carry are known before it is written") {
  const Bytes largest(kMaxJoinCertificate, 1);
  Renewed answer{"", 0, std::vector<Bytes>(6, largest), {}};
  CHECK(is_sendable(answer));
  answer.bundle = {largest};
  CHECK(is_sendable(answer));
  answer.bundle.push_back(largest);
  CHECK_FALSE(is_sendable(answer));
  // To the byte: what is sendable can be written, and is read.
  const std::size_t rest = kMaxControlMessage - kControlHead - 1 - 4 - (1 + 7 * (2 + kMaxJoinCertificate)) - 1 - 2;
  answer = {"", 0, std::vector<Bytes>(6, largest), {largest, Bytes(rest, 1)}};
  CHECK(is_sendable(answer));
  CHECK(written(answer).size() == kMaxControlMessage);
  answer.bundle[1].push_back(1);
  CHECK_FALSE(is_sendable(answer));
  CHECK_FALSE(is_sendable({"", 0, {Bytes(kMaxJoinCertificate + 1, 1)}, {}}));
  CHECK_FALSE(is_sendable({"", 0, std::vector<Bytes>(kMaxJoinCertificates + 1, Bytes{1}), {}}));
}

TEST_CASE("bytes behind the last known field are a newer peer's and are passed over") {
  CHECK(parse_as<Ping>(grown(Ping{7}, 1)).id == 7);
  CHECK(parse_as<Hello>(grown(full_hello(), 300)) == full_hello());
  CHECK(parse_as<Renew>(grown(Renew{{1}}, 9)) == Renew{{1}});
  CHECK(parse_as<Renewed>(grown(Renewed{"", 1, {{1}}, {{2}}}, 9)) == Renewed{"", 1, {{1}}, {{2}}});
  CHECK(parse_as<Welcome>(grown(full_welcome(), 5)) == full_welcome());
  CHECK(parse_as<Drain>(grown(Drain{1}, kMaxControlMessage - kControlHead - 4)) == Drain{1});
}

TEST_CASE("an unknown type is skipped unless it is critical") {
  CHECK(parse_as<Skipped>(from_hex("7fff 00000002 abcd")).type == 0x7fff);
  CHECK(parse_as<Skipped>(from_hex("0000 00000000")).type == 0);
  for (const char* reserved : {"0018", "0019", "001a"}) {
    CAPTURE(reserved);
    parse_as<Skipped>(from_hex(std::string(reserved) + "00000001 00"));
    CHECK(test::refused(from_hex("80" + std::string(reserved).substr(2) + "00000001 00"), parse) ==
          Reason::protocol_error);
  }
  CHECK(test::refused(from_hex("ffff 00000000"), parse) == Reason::protocol_error);
  CHECK(test::refused(from_hex("8000 00000000"), parse) == Reason::protocol_error);
  // Known from the head: the payload is not waited for.
  CHECK(test::decided_after(from_hex("ffff 0000ff00"), parse) == kControlHead);
}

TEST_CASE("the critical bit does not change what a known type means") {
  CHECK(parse_as<Ping>(from_hex("0009 00000008 0000000000000005")).id == 5);
  CHECK(parse_as<Drain>(from_hex("800b 00000004 00000005")).within_ms == 5);
}

TEST_CASE("a length above the limit is refused by the head alone") {
  for (const char* head : {"8009 0000fffb", "0009 00010000", "8009 ffffffff", "0fff ffffffff", "8009 80000000"}) {
    CAPTURE(head);
    CHECK(test::refused(from_hex(head), parse) == Reason::protocol_error);
  }
  const auto most = parse(from_hex("0fff 0000fffa"));
  REQUIRE(std::holds_alternative<NeedMore>(most));
  CHECK(std::get<NeedMore>(most).at_least == kMaxControlMessage - kControlHead);
}

TEST_CASE("a welcome of a server that knows no domains yet is whole") {
  Welcome old = full_welcome();
  const std::size_t with = written(old).size();
  old.domains.clear();
  Bytes bytes = written(old);
  bytes.pop_back();  // the empty list's count
  ByteWriter(bytes).patch_u32(2, static_cast<std::uint32_t>(bytes.size() - kControlHead));
  CHECK(parse_as<Welcome>(bytes) == old);
  CHECK(bytes.size() < with);
}

TEST_CASE("a payload that ends before its fields is refused") {
  Welcome of_old_server = full_welcome();
  of_old_server.domains.clear();
  for (const ControlMessage& message :
       {ControlMessage(full_hello()), ControlMessage(of_old_server),
        ControlMessage(Register{1, "w", "h", 2, {"s"}, {"t"}}),
        ControlMessage(Registered{1, "w.h", {"a:1"}, {"::/0"}, 1, {}, {}}),
        ControlMessage(Refused{1, "internal", 0, "x"}), ControlMessage(Unregister{1, "internal"}),
        ControlMessage(OpenChannels{1}), ControlMessage(PoolSize{1}), ControlMessage(Ping{1}), ControlMessage(Pong{1}),
        ControlMessage(Drain{1}), ControlMessage(RelayEnded{{1}, "completed"}), ControlMessage(Renew{{1, 2}}),
        ControlMessage(Renewed{"internal", 1, {{1}, {2, 3}}, {{4}}})}) {
    const Bytes whole = written(message);
    // What was appended since may be missing: one list of the welcome, two of registered.
    const std::size_t appended = std::holds_alternative<Welcome>(message)      ? 1
                                 : std::holds_alternative<Registered>(message) ? 2
                                                                               : 0;
    const std::size_t needed = whole.size() - kControlHead - appended;
    for (std::size_t payload = 0; payload < needed; ++payload) {
      Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(kControlHead + payload));
      ByteWriter(cut).patch_u32(2, static_cast<std::uint32_t>(payload));
      const auto answer = parse(cut);
      if (!std::holds_alternative<Malformed>(answer)) FAIL_CHECK("type " << message.index() << " cut to " << payload);
    }
  }
}

TEST_CASE("fields out of their limits are refused") {
  const auto bad = [](std::string_view hex) { return test::refused(from_hex(hex), parse); };
  // Register: 65 names.
  Bytes list = from_hex("8003 00000000 00000001 00 00 0001 41");
  list.insert(list.end(), 65 + 1, 0);
  ByteWriter(list).patch_u32(2, static_cast<std::uint32_t>(list.size() - kControlHead));
  CHECK(test::refused(list, parse) == Reason::protocol_error);
  // Welcome: an address that is neither IPv4 nor IPv6.
  Bytes address = written(Welcome{});
  address[kControlHead + 2 + 8 + 16 + 16 + 32 + 1] = 5;
  CHECK(test::refused(address, parse) == Reason::protocol_error);
  // Reason codes are snake_case and at most 40 long.
  CHECK(bad("8006 00000006 00000001 01 41") == Reason::protocol_error);
  CHECK(bad("8006 00000006 00000001 01 20") == Reason::protocol_error);
  CHECK(test::refused(from_hex("8006 0000002e 00000001 29 " + std::string(82, '6')), parse) == Reason::protocol_error);
  CHECK_FALSE(test::refused(from_hex("8006 0000002d 00000001 28 " + std::string(80, '6')), parse));
  // A request of 2,049 bytes; seven certificates; one of 8,193.
  Bytes request = written(Renew{Bytes(kMaxCsr, 1)});
  request.push_back(1);
  ByteWriter(request).patch_u32(2, static_cast<std::uint32_t>(request.size() - kControlHead));
  request[kControlHead + 1] = 1;
  CHECK(test::refused(request, parse) == Reason::protocol_error);
  CHECK(bad("001d 0000001c 00 00000000 07 000130 000130 000130 000130 000130 000130 000130 00") ==
        Reason::protocol_error);
  Bytes certificate = from_hex("001d 0000200a 00 00000000 01 2001");
  certificate.resize(kControlHead + 0x200a, 0x30);
  CHECK(test::refused(certificate, parse) == Reason::protocol_error);
  // Control characters would break log lines.
  for (const char* c : {"0a", "0d", "00", "1b", "7f"}) {
    CAPTURE(c);
    CHECK(bad("8005 0000000b 00000000 00 00000000 01 " + std::string(c)) == Reason::protocol_error);
  }
}

TEST_CASE("a code that we do not know passes: a newer peer may") {
  CHECK(parse_as<Refused>(written(Refused{1, "no_such_code_yet", 0, ""})).code == "no_such_code_yet");
}

TEST_CASE("human text is cut to fit, on a character's border, and made one line") {
  const auto sent = [](std::string detail) {
    return parse_as<Refused>(written(Refused{0, "internal", 0, std::move(detail)})).detail;
  };
  CHECK(sent("two\nlines\x7f") == "two lines ");
  CHECK(sent(std::string(400, 'a')).size() == kMaxText);
  // 254 letters and a two-byte letter across the limit.
  CHECK(sent(std::string(254, 'a') + "\xc3\xa4\xc3\xa4") == std::string(254, 'a'));
}

TEST_CASE("messages follow each other without a gap") {
  Bytes bytes = written(Ping{1});
  const std::size_t first = bytes.size();
  const Bytes second = written(Pong{2});
  bytes.insert(bytes.end(), second.begin(), second.end());
  const auto answer = parse(bytes);
  CHECK(std::get<Done<ControlMessage>>(answer).consumed == first);
}

}  // namespace
}  // namespace fairlead::wire
