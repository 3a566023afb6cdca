#include "common/wire/join_token.h"

#include <algorithm>
#include <cctype>

#include "common/base/byte_writer.h"
#include "common/wire/base32.h"
#include "common/wire/crc32c.h"
#include "tests/support/doctest.h"

namespace fairlead::wire {
namespace {

JoinToken sample() {
  JoinToken token;
  for (std::size_t i = 0; i < token.id.size(); ++i) token.id[i] = static_cast<std::uint8_t>(i + 1);
  for (std::size_t i = 0; i < token.secret.size(); ++i) token.secret[i] = static_cast<std::uint8_t>(0xf0 + i);
  token.ca_key_sha256.fill(0xc5);
  token.rendezvous = {{"rv.example.com", 443}, {"2001:db8::1", 15443}};
  token.rendezvous_id = "spiffe://home/rendezvous/*";
  return token;
}

std::string with_checksum(Bytes body) {
  ByteWriter out(body);
  out.u32(crc32c(ByteView(body)));
  return std::string(kJoinTokenPrefix) + to_base32(body);
}

TEST_CASE("base32 is that of RFC 4648 in lower case, and has one spelling") {
  for (const auto& [plain, word] : {std::pair<std::string, std::string>{"", ""},
                                    {"f", "my"},
                                    {"fo", "mzxq"},
                                    {"foo", "mzxw6"},
                                    {"foob", "mzxw6yq"},
                                    {"fooba", "mzxw6ytb"},
                                    {"foobar", "mzxw6ytboi"}}) {
    CAPTURE(plain);
    CHECK(to_base32(as_bytes(plain)) == word);
    const auto back = from_base32(word);
    REQUIRE(back);
    CHECK(as_text(*back) == plain);
  }
  for (const std::string_view wrong : {"m", "mz1", "MY", "mz", "mzxw6ytbo", "my======", "m y"}) {
    CAPTURE(wrong);
    CHECK_FALSE(from_base32(wrong));
  }
}

TEST_CASE("a token is one word and comes back whole") {
  const JoinToken token = sample();
  const std::string text = write_join_token(token);
  CHECK(text.starts_with("fl1_"));
  CHECK(std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isalnum(c) || c == '_'; }));
  const auto back = parse_join_token("  " + text + "\r\n");
  REQUIRE(back);
  CHECK(*back == token);
}

TEST_CASE("a token that was copied in part or changed is none") {
  const std::string text = write_join_token(sample());
  for (std::size_t n = 0; n < text.size(); ++n) {
    CAPTURE(n);
    const auto cut = parse_join_token(std::string_view(text).substr(0, n));
    REQUIRE_FALSE(cut);
    CHECK(cut.error().reason == Reason::token_malformed);
  }
  for (std::size_t at = 0; at < text.size(); ++at) {
    std::string wrong = text;
    wrong[at] = wrong[at] == 'a' ? 'b' : 'a';
    CAPTURE(at);
    CHECK_FALSE(parse_join_token(wrong));
  }
  CHECK_FALSE(parse_join_token(text + "a"));
  CHECK_FALSE(parse_join_token(text + " " + text));
}

TEST_CASE("what is wrong with a token is said without the token") {
  const std::string text = write_join_token(sample());
  const auto cut = parse_join_token(text.substr(0, text.size() - 8));
  REQUIRE_FALSE(cut);
  CHECK(cut.error().detail.find(text.substr(4, 20)) == std::string::npos);
}

TEST_CASE("a token says where to join and who must answer, and nothing behind that") {
  const std::string head(8 + 16 + 32, '\1');
  const auto text_of = [&head](std::string_view rest) {
    const std::string body = head + std::string(rest);
    return with_checksum(Bytes(body.begin(), body.end()));
  };
  using namespace std::string_view_literals;
  CHECK(parse_join_token(text_of("\1\3h:1\1x"sv)));
  for (const std::string_view wrong : {"\0\1x"sv, "\1\3h:1\0"sv, "\1\1h\1x"sv, "\1\3h:1\1x\0"sv, "\1\3h:1\1\n"sv}) {
    CAPTURE(wrong);
    const auto token = parse_join_token(text_of(wrong));
    REQUIRE_FALSE(token);
    CHECK(token.error().reason == Reason::token_malformed);
  }
}

TEST_CASE("the id of a token is 13 letters") {
  const JoinTokenId id = sample().id;
  const std::string text = join_token_id_text(id);
  CHECK(text.size() == 13);
  const auto back = parse_join_token_id(text);
  REQUIRE(back);
  CHECK(*back == id);
  CHECK_FALSE(parse_join_token_id(""));
  CHECK_FALSE(parse_join_token_id(text + "a"));
}

}  // namespace
}  // namespace fairlead::wire
