#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "common/base/json_writer.h"
#include "common/base/pattern.h"
#include "common/crypto/secret.h"
#include "common/tls/private_file.h"
#include "common/tls/spiffe_id.h"
#include "common/tls/time_text.h"
#include "rendezvous/ca/ca.h"
#include "rendezvous/ca/issuer.h"

namespace fairlead::rendezvous {
namespace {

using std::filesystem::path;
using std::filesystem::perms;

constexpr std::size_t kMaxDnsName = 253;  // RFC 1035 §2.3.4, in text

template <class... Args>
tl::unexpected<Error> invalid(fmt::format_string<Args...> text, Args&&... args) {
  return fail(Reason::config_invalid, fmt::format(text, std::forward<Args>(args)...));
}

// Labels; the first may be a whole "*".
bool is_dns_name(std::string_view name) {
  if (name.empty() || name.size() > kMaxDnsName) return false;
  if (name.starts_with("*.")) name.remove_prefix(2);
  for (;;) {
    const std::size_t dot = name.find('.');
    if (!is_label(name.substr(0, dot))) return false;
    if (dot == std::string_view::npos) return true;
    name.remove_prefix(dot + 1);
  }
}

path with_suffix(const path& prefix, std::string_view suffix) {
  path out = prefix;
  out += suffix;
  return out;
}

Result<tls::AlternativeNames> judge_names(const CaIssue& request, const std::string& trust_domain) {
  if (!tls::is_spiffe_id(request.id))
    return invalid("id \"{}\": not a SPIFFE id; write spiffe://{}/path", request.id, trust_domain);
  if (tls::trust_domain_of(request.id) != trust_domain)
    return invalid("id \"{}\": this CA signs for the trust domain {} alone", request.id, trust_domain);
  if (request.dns_names.size() + request.ip_addresses.size() >= tls::kMaxSanNames)
    return invalid("at most {} names fit into one certificate", tls::kMaxSanNames - 1);
  tls::AlternativeNames names{{request.id}, {}, request.ip_addresses};
  for (const std::string& written : request.dns_names) {
    names.dns_names.push_back(normalize_name(written));
    if (IpAddress::parse(written)) return invalid("dns name \"{}\": an address is given with --ip", written);
    if (!is_dns_name(names.dns_names.back())) return invalid("dns name \"{}\": not a DNS name", written);
  }
  return names;
}

Result<void> judge_output(const path& out, const path& cert, const path& key) {
  if (!out.has_filename()) return invalid("out \"{}\": a prefix with a file name is needed", out.string());
  std::error_code error;
  for (const path& file : {cert, key})
    if (std::filesystem::exists(file, error))
      return invalid("{}: exists already and is not overwritten", file.string());
  const path dir = out.parent_path();
  if (!dir.empty() && std::filesystem::create_directories(dir, error))
    std::filesystem::permissions(dir, perms::owner_all, error);
  if (error) return fail(Reason::io_failed, fmt::format("{}: cannot make: {}", dir.string(), error.message()));
  return {};
}

Result<CertificateSpec> make_spec(const CaIssue& request, const Issuer& issuer) {
  if (request.days < 1 || request.days > kMaxLeafDays)
    return invalid("--days {}: allowed: 1 to {}", request.days, kMaxLeafDays);
  Result<tls::AlternativeNames> names = judge_names(request, issuer.trust_domain());
  if (!names) return tl::unexpected(names.error());
  CertificateSpec spec;
  spec.serial = random_serial();
  const std::string last_segment = request.id.substr(request.id.rfind('/') + 1);
  spec.subject = "CN=" + last_segment.substr(0, kMaxCommonName);
  spec.names = std::move(*names);
  spec.not_before = request.not_before.value_or(request.now - kBackdated);
  // A leaf that outlives its issuer would only seem valid.
  spec.not_after =
      std::min(request.not_after.value_or(request.now + std::chrono::days(request.days)), issuer.not_after());
  if (spec.not_after <= spec.not_before)
    return invalid("the CA's own certificate has expired, or the dates are reversed");
  return spec;
}

std::string audit_line(const CaIssue& request, const CertificateSpec& spec) {
  JsonWriter json;
  json.begin_object();
  json.field("time", tls::time_text(request.now)).field("serial", to_hex(spec.serial)).field("id", request.id);
  json.key("dns").begin_array();
  for (const std::string& name : spec.names.dns_names) json.value(name);
  json.end_array().key("ip").begin_array();
  for (const IpAddress& ip : spec.names.ip_addresses) json.value(ip.to_string());
  json.end_array();
  json.field("not_after", tls::time_text(spec.not_after)).field("out", request.out.string());
  json.end_object();
  return json.take() + "\n";
}

Result<void> append_line(const path& file, const std::string& line) {
  const auto failed = [&file] {
    return fail(Reason::io_failed, fmt::format("{}: cannot append: {}", file.string(), std::strerror(errno)));
  };
  const int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0) return failed();
  // One write: lines of programs that run at the same time stay whole.
  const bool written = ::write(fd, line.data(), line.size()) == static_cast<ssize_t>(line.size()) && ::fsync(fd) == 0;
  Result<void> result;
  if (!written) result = failed();
  ::close(fd);
  return result;
}

}  // namespace

Result<IssuedPaths> ca_issue(const CaIssue& request) {
  Result<std::unique_ptr<Issuer>> issuer = Issuer::open(request.dir);
  if (!issuer) return tl::unexpected(issuer.error());
  const Result<CertificateSpec> spec = make_spec(request, **issuer);
  if (!spec) return tl::unexpected(spec.error());
  const path cert = with_suffix(request.out, ".crt");
  const path key = with_suffix(request.out, ".key");
  if (auto ready = judge_output(request.out, cert, key); !ready) return tl::unexpected(ready.error());
  Result<IssuedLeaf> leaf = (*issuer)->issue(*spec);
  if (!leaf) return tl::unexpected(leaf.error());
  // Audited first: a certificate without its line must not exist.
  if (auto audited = append_line(request.dir / kIssuedLog, audit_line(request, *spec)); !audited)
    return tl::unexpected(audited.error());

  Result<void> written = tls::create_file(key, as_bytes(leaf->key_pem), perms(0600));
  crypto::wipe({reinterpret_cast<std::uint8_t*>(leaf->key_pem.data()), leaf->key_pem.size()});
  if (!written) return tl::unexpected(written.error());
  if (auto stored = tls::create_file(cert, as_bytes(leaf->chain_pem), perms(0644)); !stored) {
    std::error_code ignored;
    std::filesystem::remove(key, ignored);
    return tl::unexpected(stored.error());
  }
  return IssuedPaths{cert, key, request.dir / kBundle, to_hex(spec->serial), spec->not_after};
}

}  // namespace fairlead::rendezvous
