#include "common/wire/first_bytes.h"

#include <algorithm>

#include "common/wire/socks5.h"
#include "common/wire/verify.h"

namespace fairlead::wire {
namespace {

bool begins_as(ByteView in, const std::array<std::uint8_t, 4>& magic) {
  const auto compared = static_cast<std::ptrdiff_t>(std::min(in.size(), magic.size()));
  return std::equal(in.begin(), in.begin() + compared, magic.begin());
}

}  // namespace

Parsed<FirstBytes> classify_first_bytes(ByteView in) {
  constexpr std::uint8_t kContentHandshake = 22;
  if (in.empty()) return NeedMore{1};
  if (in[0] == kContentHandshake) return Done<FirstBytes>{FirstBytes::tls, 0};
  if (in[0] == kSocksVersion) return Done<FirstBytes>{FirstBytes::socks5, 0};
  if (in[0] >= 'A' && in[0] <= 'Z') return Done<FirstBytes>{FirstBytes::http, 0};
  const bool ticket = begins_as(in, kTicketMagic);
  const bool verify = begins_as(in, kVerifyRequestMagic);
  if (!ticket && !verify) return Malformed{Reason::client_not_tls};
  if (in.size() < kTicketMagic.size()) return NeedMore{1};  // each further byte may be the wrong one
  return Done<FirstBytes>{ticket ? FirstBytes::ticket : FirstBytes::verify, 0};
}

}  // namespace fairlead::wire
