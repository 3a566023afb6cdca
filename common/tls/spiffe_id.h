#pragma once
// The syntax of SPIFFE ids (SPIFFE-ID §2): spiffe://TRUST_DOMAIN/SEGMENT[/SEGMENT...].
#include <string_view>

namespace fairlead::tls {

inline constexpr std::size_t kMaxSpiffeIdBytes = 2048;

// Lower-case letters, digits, '.', '-', '_'; 1 to 255 characters.
bool is_trust_domain(std::string_view text);
// A workload's id: a trust domain and a path of at least one segment; no empty, "." or ".." segments.
bool is_spiffe_id(std::string_view text);
// The trust domain of a valid id; a view into it.
std::string_view trust_domain_of(std::string_view spiffe_id);

}  // namespace fairlead::tls
