#include "common/wire/first_bytes.h"

#include <algorithm>

namespace fairlead::wire {

Parsed<FirstBytes> classify_first_bytes(ByteView in) {
  constexpr std::uint8_t kContentHandshake = 22;
  if (in.empty()) return NeedMore{1};
  if (in[0] == kContentHandshake) return Done<FirstBytes>{FirstBytes::tls, 0};
  const auto compared = static_cast<std::ptrdiff_t>(std::min(in.size(), kTicketMagic.size()));
  if (!std::equal(in.begin(), in.begin() + compared, kTicketMagic.begin())) return Malformed{Reason::client_not_tls};
  if (in.size() < kTicketMagic.size()) return NeedMore{1};  // each further byte may be the wrong one
  return Done<FirstBytes>{FirstBytes::ticket, 0};
}

}  // namespace fairlead::wire
