#include "tests/support/test_ca.h"

#include <fmt/format.h>
#include <unistd.h>

#include <fstream>

#include "rendezvous/ca/ca.h"
#include "rendezvous/ca/issuer.h"
#include "tests/support/doctest.h"

namespace fairlead::test {
namespace {

using rendezvous::CertificateKind;
using rendezvous::CertificateSpec;
using rendezvous::Purpose;

void write_text(const std::filesystem::path& file, const std::string& text) {
  std::ofstream(file) << text;
  std::filesystem::permissions(file, std::filesystem::perms(0600));
}

void apply(Flaw flaw, CertificateSpec& spec) {
  switch (flaw) {
    case Flaw::none:
      return;
    case Flaw::no_uri:
      spec.names.uris.clear();
      return;
    case Flaw::two_uris:
      spec.names.uris.push_back(spec.names.uris[0] + "/second");
      return;
    case Flaw::not_spiffe:
      spec.names.uris = {"https://example.com/agent"};
      return;
    case Flaw::is_ca:
      spec.kind = CertificateKind::intermediate;
      return;
    case Flaw::server_only:
      spec.purposes = {Purpose::server};
      return;
    case Flaw::client_only:
      spec.purposes = {Purpose::client};
      return;
  }
}

}  // namespace

WallTime system_now() {
  return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
}

TempDir::TempDir() {
  std::string name = std::filesystem::temp_directory_path() / "fairlead-test-XXXXXX";
  REQUIRE(::mkdtemp(name.data()) != nullptr);
  path_ = name;
}

TempDir::~TempDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

TestCa::TestCa(std::string trust_domain, WallTime now) : trust_domain_(std::move(trust_domain)), now_(now) {
  const auto made = rendezvous::ca_init({dir(), trust_domain_, now_});
  REQUIRE_MESSAGE(made.has_value(), (made ? "" : made.error().detail));
}

tls::IdentityFiles TestCa::issue(const std::string& path, const IssueOptions& options) {
  rendezvous::CaIssue request;
  request.dir = dir();
  request.id = "spiffe://" + trust_domain_ + "/" + path;
  request.dns_names = options.dns_names;
  for (const std::string& text : options.ip_addresses) {
    const auto ip = IpAddress::parse(text);
    REQUIRE(ip.has_value());
    request.ip_addresses.push_back(*ip);
  }
  request.out = scratch() / fmt::format("identity{}", ++issued_);
  request.now = now_;
  request.not_before = options.not_before;
  request.not_after = options.not_after;
  const auto issued = rendezvous::ca_issue(request);
  REQUIRE_MESSAGE(issued.has_value(), (issued ? "" : issued.error().detail));
  return {issued->cert, issued->key, issued->ca};
}

tls::IdentityFiles TestCa::issue_flawed(const std::string& path, Flaw flaw) {
  auto issuer = rendezvous::Issuer::open(dir());
  REQUIRE(issuer.has_value());
  CertificateSpec spec;
  spec.subject = "CN=flawed";
  spec.names.uris = {"spiffe://" + trust_domain_ + "/" + path};
  spec.names.dns_names = {"localhost"};
  spec.serial = rendezvous::random_serial();
  spec.not_before = now_ - std::chrono::hours(1);
  spec.not_after = now_ + std::chrono::hours(24);
  apply(flaw, spec);
  const auto leaf = (*issuer)->issue(spec);
  REQUIRE(leaf.has_value());
  const std::filesystem::path prefix = scratch() / fmt::format("identity{}", ++issued_);
  const tls::IdentityFiles files{prefix.string() + ".crt", prefix.string() + ".key", bundle()};
  write_text(files.cert, leaf->chain_pem);
  write_text(files.key, leaf->key_pem);
  return files;
}

std::shared_ptr<const tls::Credentials> TestCa::credentials(const std::string& path, const IssueOptions& options) {
  const auto loaded = tls::Credentials::load(issue(path, options));
  REQUIRE_MESSAGE(loaded.has_value(), (loaded ? "" : loaded.error().detail));
  return *loaded;
}

}  // namespace fairlead::test
