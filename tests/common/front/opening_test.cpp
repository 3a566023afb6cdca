#include "common/front/opening.h"

#include "tests/common/wire/tls_bytes.h"
#include "tests/support/codec_checks.h"

namespace fairlead::front {
namespace {

using namespace fairlead::test;

const ListenerRules kUsual;
const ListenerRules kBehindBalancer{.accept = {}, .proxy_from = {*Cidr::parse("0.0.0.0/0")}, .service = ""};
Bytes hello(std::string_view name) {
  return handshake_record(hello_with(server_name(name)));
}
Bytes ticket(std::uint64_t counter) {
  Bytes out;
  ByteWriter writer(out);
  wire::write_ticket({.session = {1}, .counter = counter}, writer);
  out.resize(wire::kTicketSize);
  return out;
}
Bytes verify_request() {
  Bytes out;
  ByteWriter writer(out);
  wire::write_verify_request({.session = {1}, .nonce = {7}}, writer);
  out.resize(wire::kVerifyRequestSize);
  return out;
}

std::string describe(const std::optional<Opening::Outcome>& outcome) {
  if (!outcome) return "waits";
  if (const auto* reason = std::get_if<Reason>(&*outcome)) return std::string(reason_code(*reason));
  const auto& asks = std::get<Opened>(*outcome).asks;
  if (const auto* client = std::get_if<wire::ClientHello>(&asks)) return "hello " + client->server_name.value_or("-");
  if (std::holds_alternative<wire::Signed<wire::Ticket>>(asks)) return "ticket";
  return "verify";
}

std::optional<Opening::Outcome> feed(Opening& opening, ByteView bytes) {
  while (!bytes.empty()) {
    const MutableBytes space = opening.space();
    const std::size_t count = std::min(space.size(), bytes.size());
    std::copy_n(bytes.begin(), count, space.begin());
    auto outcome = opening.came(count);
    if (outcome) return outcome;
    bytes = bytes.subspan(count);
  }
  return std::nullopt;
}

// The same outcome for every place at which the bytes may be cut in two. Unlike a machine, a reader of sockets sees a
// lone message's surplus only in the piece that ends it, so such rows are fed in one.
std::string outcome_of(const ListenerRules& rules, const Bytes& bytes, std::size_t most = 64 * 1024) {
  Opening whole(first_machine(rules), most);
  const std::string expected = describe(feed(whole, bytes));
  for (std::size_t cut = 1; cut < bytes.size(); cut = next_place(cut, bytes.size())) {
    Opening opening(first_machine(rules), most);
    auto outcome = feed(opening, ByteView(bytes).first(cut));
    if (!outcome) outcome = feed(opening, ByteView(bytes).subspan(cut));
    if (describe(outcome) != expected) FAIL_CHECK("cut at " << cut << ": " << describe(outcome));
  }
  return expected;
}

TEST_CASE("each way in, on every split") {
  ListenerRules verifies;
  verifies.accept.verify = true;
  CHECK(outcome_of(kUsual, hello("web.home")) == "hello web.home");
  CHECK(outcome_of(kUsual, ticket(42)) == "ticket");
  CHECK(outcome_of(verifies, verify_request()) == "verify");
  CHECK(outcome_of(kUsual, text("GET / HTTP/1.1\r\n\r\n")) == "client_not_tls");
  const Bytes proxied = join({text("PROXY TCP4 192.0.2.1 192.0.2.2 4000 443\r\n"), hello("web.home")});
  CHECK(outcome_of(kBehindBalancer, proxied) == "hello web.home");
  CHECK(outcome_of(kBehindBalancer, hello("web.home")) == "proxy_header_required");
  CHECK(outcome_of(kUsual, proxied) == "client_not_tls");  // never sniffed
}

TEST_CASE("what a listener does not take") {
  ListenerRules none;
  none.accept = {.tls = false, .ticket = false, .verify = false};
  for (const Bytes& bytes : {hello("web.home"), ticket(1), verify_request()}) {
    CHECK(outcome_of(none, bytes) == "not_accepted_here");
  }
  ListenerRules port;
  port.service = "web.home";
  CHECK(outcome_of(port, ticket(1)) == "not_accepted_here");
  CHECK(outcome_of(port, hello("web.home")) == "hello web.home");
}

TEST_CASE("a hello stays for whoever it asks for; a PROXY header does not") {
  const Bytes header = text("PROXY TCP4 192.0.2.1 192.0.2.2 4000 443\r\n");
  Opening opening(first_machine(kBehindBalancer), 64 * 1024);
  CHECK_FALSE(feed(opening, header));
  CHECK(opening.caller() == SocketAddress::parse("192.0.2.1:4000"));
  CHECK(describe(feed(opening, hello("web.home"))) == "hello web.home");
  CHECK(opening.take_bytes() == hello("web.home"));

  Opening local(first_machine(kBehindBalancer), 64 * 1024);
  CHECK_FALSE(feed(local, text("PROXY UNKNOWN\r\n")));
  CHECK_FALSE(local.caller());
}

TEST_CASE("a lone message with more behind it") {
  Opening opening(first_machine(kUsual), 64 * 1024);
  CHECK(describe(feed(opening, join({ticket(1), {0}}))) == "ticket_malformed");
}

TEST_CASE("what is too long is known one byte later") {
  const Bytes long_hello = handshake_record(hello_with(join({server_name("web.home"), extension(21, Bytes(3000))})));
  CHECK(outcome_of(kUsual, long_hello, long_hello.size()) == "hello web.home");
  CHECK(outcome_of(kUsual, long_hello, 1000) == "classify_too_long");
  Opening opening(first_machine(kUsual), 1000);
  CHECK_FALSE(feed(opening, ByteView(long_hello).first(1000)));
  CHECK(describe(feed(opening, ByteView(long_hello).subspan(1000, 1))) == "classify_too_long");
}

// A protocol that answers before it asks: the shape of SOCKS5 and HTTP CONNECT.
class Greeting final : public OpeningMachine {
 public:
  explicit Greeting(const ListenerRules& rules) : rules_(rules) {}
  OpeningStep look(ByteView in) override {
    const std::string_view words = as_text(in);
    if (words.size() < 3) return {.result = OpeningStep::Wait{}};
    if (!words.starts_with("hi\n")) return {.result = Reason::client_not_tls, .reply = from_text("no\n")};
    return {.result = OpeningStep::Next{first_machine(rules_)}, .consumed = 3, .reply = from_text("hello\n")};
  }

 private:
  const ListenerRules& rules_;
};

TEST_CASE("a machine may answer, and hand over to the next, which sees the rest at once") {
  const ListenerRules rules;
  Opening opening(std::make_unique<Greeting>(rules), 64 * 1024);
  CHECK_FALSE(feed(opening, text("h")));
  CHECK(opening.output().empty());
  const Bytes wanted = hello("web.home");
  CHECK_FALSE(feed(opening, join({text("i\n"), {wanted.begin(), wanted.begin() + 9}})));
  CHECK(as_text(opening.output()) == "hello\n");
  opening.sent(2);
  CHECK(as_text(opening.output()) == "llo\n");
  opening.sent(4);
  CHECK(opening.output().empty());
  CHECK(describe(feed(opening, {wanted.data() + 9, wanted.size() - 9})) == "hello web.home");
  CHECK(opening.take_bytes() == wanted);

  Opening refused(std::make_unique<Greeting>(rules), 64 * 1024);
  CHECK(describe(feed(refused, text("bye"))) == "client_not_tls");
  CHECK(as_text(refused.output()) == "no\n");
}

}  // namespace
}  // namespace fairlead::front
