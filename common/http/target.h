#pragma once
// The target of a request (RFC 9112 §3.2), and what names a host. Pure; any thread.
#include <cstdint>
#include <string_view>

namespace fairlead::http {

enum class TargetForm : std::uint8_t {
  origin,     // "/path?query"
  absolute,   // "http://host/path"; for proxies
  authority,  // "host:port", CONNECT alone
  asterisk,   // "*", OPTIONS alone
  wrong,
};
TargetForm target_form(std::string_view method, std::string_view target);

// "host", "host:port", "[address]", "[address]:port"; no user, no empty host (RFC 3986 §3.2).
bool is_authority(std::string_view text);

}  // namespace fairlead::http
