#include "agent/setting/called_name.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/base/pattern.h"
#include "common/config/fields.h"

namespace fairlead::agent {
namespace {

std::vector<std::string> split_labels(std::string_view name) {
  std::vector<std::string> labels;
  while (true) {
    const auto dot = name.find('.');
    labels.emplace_back(name.substr(0, dot));
    if (dot == std::string_view::npos) return labels;
    name.remove_prefix(dot + 1);
  }
}

std::vector<std::string> derive_expected(std::string_view name) {
  const std::vector<std::string> labels = split_labels(name);
  if (labels.size() < 2 || labels.size() > 3 || !std::ranges::all_of(labels, is_label)) return {};
  const std::string& cluster = labels.back();
  const std::string& service = labels[labels.size() - 2];
  const std::string agent = labels.size() == 3 ? labels.front() : "*";
  return {fmt::format("spiffe://{{trust_domain}}/agent/{}/{}", cluster, agent),
          fmt::format("spiffe://{{trust_domain}}/service/{}", service),
          fmt::format("spiffe://{{trust_domain}}/service/{}.{}", service, cluster)};
}

tl::unexpected<Error> refuse(std::string detail) {
  return fail(Reason::config_invalid, std::move(detail));
}

}  // namespace

bool is_expected_pattern(std::string_view text) {
  return text.starts_with("spiffe://") && pattern_valid(PatternKind::spiffe, text);
}

Result<CalledName> read_called_name(std::string_view text, const std::vector<std::string>& expect) {
  const auto with_port = HostPort::parse(text);
  CalledName called{.sni = normalize_name(with_port ? with_port->host : text), .expected = expect};
  if (!config::is_dns_name(called.sni)) {
    return refuse(
        fmt::format("{}: not a name that can be called; allowed: SERVICE.CLUSTER, ENDPOINT.SERVICE.CLUSTER or "
                    "a service's host, with or without :PORT",
                    text));
  }
  for (const std::string& pattern : expect) {
    if (!is_expected_pattern(pattern))
      return refuse(fmt::format("--expect {}: allowed: a pattern of SPIFFE ids, spiffe://…", pattern));
  }
  if (called.expected.empty()) called.expected = derive_expected(called.sni);
  if (!called.expected.empty()) return called;
  return refuse(
      fmt::format("{}: who may answer does not follow from this name; say it with --expect spiffe://…", text));
}

}  // namespace fairlead::agent
