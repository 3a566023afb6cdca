#include "common/wire/join_token.h"

#include <algorithm>

#include "common/base/byte_reader.h"
#include "common/wire/base32.h"
#include "common/wire/crc32c.h"
#include "common/wire/field_codec.h"

namespace fairlead::wire {
namespace {

constexpr std::size_t kChecksumSize = 4;
constexpr std::string_view kBlanks = " \t\r\n";

tl::unexpected<Error> malformed(const char* what) {
  return fail(Reason::token_malformed, what);
}

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

void wipe(std::string& text) {
  crypto::wipe({reinterpret_cast<std::uint8_t*>(text.data()), text.size()});
}

template <class F>
void fields(F& f, typename F::template Ref<JoinToken> t, typename F::template Ref<std::vector<std::string>> addresses) {
  f.octets(t.id);
  f.octets(t.secret);
  f.octets(t.ca_key_sha256);
  f.list(addresses, kMaxJoinAddresses);
  f.text(t.rendezvous_id);
}

Result<JoinToken> read_fields(ByteView body) {
  JoinToken token;
  std::vector<std::string> addresses;
  FieldReader reader(body);
  fields(reader, token, addresses);
  if (!reader.ok() || reader.has_appended()) return malformed("the token is of another version, or no token");
  for (const std::string& text : addresses) {
    const auto address = HostPort::parse(text);
    if (!address || address->to_string() != text) return malformed("the token names an address that is none");
    token.rendezvous.push_back(*address);
  }
  if (token.rendezvous.empty() || token.rendezvous_id.empty()) return malformed("the token does not say where to join");
  return token;
}

}  // namespace

Result<JoinToken> parse_join_token(std::string_view text) {
  text = trimmed(text);
  if (!text.starts_with(kJoinTokenPrefix)) return malformed("a token begins with fl1_");
  if (text.size() > kMaxJoinTokenText) return malformed("the token is too long: copy it alone");
  auto bytes = from_base32(text.substr(kJoinTokenPrefix.size()));
  if (!bytes || bytes->size() <= kChecksumSize) return malformed("the token was not copied whole");
  const ByteView all(*bytes);
  const ByteView body = all.first(all.size() - kChecksumSize);
  ByteReader checksum(all.last(kChecksumSize));
  Result<JoinToken> token = malformed("the token was not copied whole: its checksum is wrong");
  if (checksum.u32() == crc32c(body)) token = read_fields(body);
  crypto::wipe(*bytes);
  return token;
}

std::string write_join_token(const JoinToken& token) {
  CHECK(!token.rendezvous.empty() && !token.rendezvous_id.empty());
  std::vector<std::string> addresses;
  for (const HostPort& address : token.rendezvous) addresses.push_back(address.to_string());
  Bytes bytes;
  ByteWriter out(bytes);
  FieldWriter writer(out);
  fields(writer, token, addresses);
  out.u32(crc32c(bytes));
  std::string word = to_base32(bytes);
  std::string text = std::string(kJoinTokenPrefix) + word;
  wipe(word);
  crypto::wipe(bytes);
  return text;
}

std::string join_token_id_text(const JoinTokenId& id) {
  return to_base32(id);
}

Result<JoinTokenId> parse_join_token_id(std::string_view text) {
  const auto bytes = from_base32(text);
  JoinTokenId id{};
  if (!bytes || bytes->size() != id.size()) return malformed("a token's id has 13 letters and digits");
  std::copy(bytes->begin(), bytes->end(), id.begin());
  return id;
}

}  // namespace fairlead::wire
