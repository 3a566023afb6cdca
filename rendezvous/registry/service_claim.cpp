#include "rendezvous/registry/service_claim.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/base/ip.h"
#include "common/base/pattern.h"

namespace fairlead::rendezvous {
namespace {

constexpr std::string_view kLongestIstioPrefix = "outbound_.65535_._.";  // around SUBSET, ahead of HOST

bool is_dns_name(std::string_view name) {
  if (name.empty() || name.size() > kMaxServerName || IpAddress::parse(name)) return false;
  for (;;) {
    const auto dot = name.find('.');
    if (!is_label(name.substr(0, dot))) return false;
    if (dot == std::string_view::npos) return true;
    name.remove_prefix(dot + 1);
  }
}

std::vector<std::string> normalize_all(const std::vector<std::string>& names) {
  std::vector<std::string> out;
  for (const std::string& name : names) {
    std::string lower = normalize_name(name);
    if (std::ranges::find(out, lower) == out.end()) out.push_back(std::move(lower));
  }
  return out;
}

// What the agent wrote is shown cut: it is a stranger's text until it has been checked.
tl::unexpected<Error> invalid(std::string_view key, std::string_view text, std::string_view what) {
  return fail(Reason::config_invalid, fmt::format("{} \"{:.64}\" {}", key, text, what));
}

}  // namespace

Result<wire::Register> normalize_claim(const wire::Register& request, std::string_view endpoint) {
  if (request.sni.size() > kMaxExtraNames) {
    return fail(Reason::config_invalid, fmt::format("more than {} sni names", kMaxExtraNames));
  }
  if (request.subsets.size() > kMaxSubsets) {
    return fail(Reason::config_invalid, fmt::format("more than {} subsets", kMaxSubsets));
  }
  wire::Register claim{.claim = request.claim,
                       .service = normalize_name(request.service),
                       .host = normalize_name(request.host),
                       .port = request.port,
                       .sni = normalize_all(request.sni),
                       .subsets = normalize_all(request.subsets)};
  if (!is_label(claim.service)) return invalid("service", claim.service, "is not one DNS label");
  for (const std::string& name : claim.sni) {
    if (!is_dns_name(name)) return invalid("sni", name, "is not a DNS name");
  }
  std::size_t longest = endpoint.size();
  for (const std::string& subset : claim.subsets) {
    if (!is_label(subset)) return invalid("subset", subset, "is not one DNS label");
    longest = std::max(longest, subset.size());
  }
  if (request.host.empty()) return claim;
  if (!is_dns_name(claim.host)) return invalid("host", claim.host, "is not a DNS name");
  if (claim.port == 0) return invalid("host", claim.host, "needs a port");
  if (kLongestIstioPrefix.size() + longest + claim.host.size() > kMaxServerName) {
    return invalid("host", claim.host, "is too long: outbound_.PORT_.SUBSET_.HOST must fit 255 characters");
  }
  return claim;
}

}  // namespace fairlead::rendezvous
