#include "common/wire/verify.h"

#include <algorithm>

#include "common/base/byte_reader.h"

namespace fairlead::wire {
namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kHead = 5;
using Magic = std::array<std::uint8_t, 4>;

// Nothing where the first `size` bytes are there and begin as they must.
std::optional<std::variant<NeedMore, Malformed>> check_head(ByteView in, const Magic& magic, std::size_t size) {
  const std::size_t seen = std::min(in.size(), magic.size());
  const bool begins = std::equal(in.begin(), in.begin() + static_cast<std::ptrdiff_t>(seen), magic.begin());
  if (!begins || (in.size() > magic.size() && in[magic.size()] != kVersion)) return Malformed{Reason::verify_malformed};
  if (in.size() < kHead) return NeedMore{1};  // each of them may be the wrong one
  if (in.size() < size) return NeedMore{size - in.size()};
  return std::nullopt;
}

template <std::size_t N>
std::array<std::uint8_t, N> take(ByteReader& in) {
  std::array<std::uint8_t, N> out{};
  const ByteView bytes = in.bytes(N);
  std::copy(bytes.begin(), bytes.end(), out.begin());
  return out;
}

}  // namespace

Parsed<Signed<VerifyRequest>> parse_verify_request(ByteView in) {
  if (const auto early = check_head(in, kVerifyRequestMagic, kVerifyRequestSize)) {
    if (const auto* bad = std::get_if<Malformed>(&*early)) return *bad;
    return std::get<NeedMore>(*early);
  }
  ByteReader reader(in.subspan(kHead));
  Signed<VerifyRequest> out;
  out.fields.session = take<16>(reader);
  out.fields.nonce = take<16>(reader);
  out.covered = in.first(kVerifyRequestSize - out.mac.size());
  out.mac = take<32>(reader);
  return Done<Signed<VerifyRequest>>{out, kVerifyRequestSize};
}

Parsed<VerifyAnswer> parse_verify_answer(ByteView in) {
  if (const auto early = check_head(in, kVerifyAnswerMagic, kVerifyAnswerSize)) {
    if (const auto* bad = std::get_if<Malformed>(&*early)) return *bad;
    return std::get<NeedMore>(*early);
  }
  ByteReader reader(in.subspan(kHead));
  return Done<VerifyAnswer>{{take<32>(reader)}, kVerifyAnswerSize};
}

void write_verify_request(const VerifyRequest& request, ByteWriter& out) {
  out.bytes(kVerifyRequestMagic);
  out.u8(kVersion);
  out.bytes(request.session);
  out.bytes(request.nonce);
}

void write_verify_answer(const VerifyAnswer& answer, ByteWriter& out) {
  out.bytes(kVerifyAnswerMagic);
  out.u8(kVersion);
  out.bytes(answer.mac);
}

}  // namespace fairlead::wire
