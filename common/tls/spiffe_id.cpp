#include "common/tls/spiffe_id.h"

#include <algorithm>

namespace fairlead::tls {
namespace {

constexpr std::string_view kScheme = "spiffe://";
constexpr std::size_t kMaxTrustDomainBytes = 255;

bool is_lower_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}
bool is_mark(char c) {
  return c == '.' || c == '-' || c == '_';
}

bool is_segment(std::string_view text) {
  if (text.empty() || text == "." || text == "..") return false;
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return is_lower_or_digit(c) || (c >= 'A' && c <= 'Z') || is_mark(c); });
}

}  // namespace

bool is_trust_domain(std::string_view text) {
  return !text.empty() && text.size() <= kMaxTrustDomainBytes &&
         std::all_of(text.begin(), text.end(), [](char c) { return is_lower_or_digit(c) || is_mark(c); });
}

bool is_spiffe_id(std::string_view text) {
  if (text.size() > kMaxSpiffeIdBytes || !text.starts_with(kScheme)) return false;
  text.remove_prefix(kScheme.size());
  std::size_t slash = text.find('/');
  if (slash == std::string_view::npos || !is_trust_domain(text.substr(0, slash))) return false;
  while (slash != std::string_view::npos) {
    text.remove_prefix(slash + 1);
    slash = text.find('/');
    if (!is_segment(text.substr(0, slash))) return false;
  }
  return true;
}

std::string_view trust_domain_of(std::string_view spiffe_id) {
  spiffe_id.remove_prefix(std::min(kScheme.size(), spiffe_id.size()));
  return spiffe_id.substr(0, spiffe_id.find('/'));
}

}  // namespace fairlead::tls
