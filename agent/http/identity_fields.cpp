#include "agent/http/identity_fields.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/http/fields.h"

namespace fairlead::agent {
namespace {

// A '*' at the end stands for any rest.
constexpr std::string_view kOurs[] = {
    "x-forwarded-*",  // -client-cert, -for, -host, -proto, -port, -server, -ssl, -user, ...
    "forwarded",      // RFC 7239
    "x-forwarded",
    "forwarded-for",
    "client-cert",
    "client-cert-chain",  // RFC 9440
    "x-client-cert*",
    "x-client-verify*",
    "x-client-dn*",
    "x-client-subject*",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-real-ip",
    "true-client-ip",
    "cf-connecting-ip",
    "fastly-client-ip",
    "x-original-forwarded-for",
    "x-envoy-external-address",
    "x-ssl-*",
    "ssl-client-*",
    "x-tls-*",
    "x-spiffe-*",
    "remote-user",
    "x-remote-*",
    "remote-addr",
    "x-auth-request-*",
    "tailscale-*",
    "x-webauth-user",
    "x-envoy-peer-metadata*",
    "proxy",  // becomes HTTP_PROXY in a CGI's environment
};

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool matches(std::string_view name, std::string_view pattern) {
  if (pattern.ends_with('*')) return http::starts_with_word(name, pattern.substr(0, pattern.size() - 1));
  return http::same_word(name, pattern);
}

}  // namespace

bool speaks_of_caller(std::string_view name) {
  std::string folded(name);
  std::ranges::replace_if(folded, [](char c) { return !is_letter_or_digit(c); }, '-');
  return std::ranges::any_of(kOurs, [&folded](std::string_view pattern) { return matches(folded, pattern); });
}

std::string identity_lines(const CallerFacts& caller) {
  return fmt::format(
      "x-forwarded-client-cert: By={};Hash={};URI={}\r\nx-forwarded-for: {}\r\nx-forwarded-proto: https\r\n", caller.by,
      caller.hash, caller.spiffe_id, caller.address);
}

}  // namespace fairlead::agent
