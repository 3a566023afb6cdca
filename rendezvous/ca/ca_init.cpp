#include <fmt/format.h>

#include "common/crypto/secret.h"
#include "common/tls/key_writer.h"
#include "common/tls/private_file.h"
#include "common/tls/spiffe_id.h"
#include "rendezvous/ca/ca.h"
#include "rendezvous/ca/issuer.h"

namespace fairlead::rendezvous {
namespace {

using std::filesystem::path;
using std::filesystem::perms;

constexpr perms kPrivate = perms(0600);
constexpr perms kPublic = perms(0644);

struct Authority {
  std::string subject;
  tls::OwnedKey key;
  std::string cert_pem;
  std::string key_pem;
};

// The serial's first half in the name keeps apart CAs of one trust domain that stand in one bundle.
std::string subject_for(std::string_view role, const std::string& trust_domain, const Bytes& serial) {
  return fmt::format("O={},CN=fairlead {} {}", trust_domain.substr(0, kMaxCommonName), role,
                     to_hex(ByteView(serial).first(kSerialBytes / 2)));
}

Result<void> make(Authority& out, CertificateKind kind, const CaInit& request, Authority& issuer) {
  const bool root = kind == CertificateKind::root;
  if (auto made = tls::generate_key(out.key); !made) return made;
  CertificateSpec spec;
  spec.kind = kind;
  spec.serial = random_serial();
  spec.names.uris = {"spiffe://" + request.trust_domain};
  spec.not_before = request.now - kBackdated;
  spec.not_after = request.now + (root ? kRootLifetime : kIntermediateLifetime);
  out.subject = spec.subject = subject_for(root ? "root" : "intermediate", request.trust_domain, spec.serial);
  Result<std::string> cert = write_certificate(spec, out.key, issuer.subject, issuer.key);
  if (!cert) return tl::unexpected(cert.error());
  Result<std::string> key = tls::key_to_pem(out.key);
  if (!key) return tl::unexpected(key.error());
  out.cert_pem = std::move(*cert);
  out.key_pem = std::move(*key);
  return {};
}

Result<void> prepare_directory(const path& dir) {
  std::error_code error;
  if (std::filesystem::create_directories(dir, error)) std::filesystem::permissions(dir, perms::owner_all, error);
  if (error) return fail(Reason::io_failed, fmt::format("{}: cannot make: {}", dir.string(), error.message()));
  for (const auto name : {kRootCert, kRootKey, kIntermediateCert, kIntermediateKey, kBundle})
    if (std::filesystem::exists(dir / name, error))
      return fail(Reason::config_invalid,
                  fmt::format("{}: exists already and is not overwritten", (dir / name).string()));
  return {};
}

}  // namespace

Result<void> ca_init(const CaInit& request) {
  if (!tls::is_trust_domain(request.trust_domain))
    return fail(Reason::config_invalid,
                fmt::format("trust domain \"{}\": use 1 to 255 lower-case letters, digits, dots, hyphens, underscores",
                            request.trust_domain));
  if (auto ready = prepare_directory(request.dir); !ready) return ready;
  Authority root;
  Authority intermediate;
  if (auto signed_ok = make(root, CertificateKind::root, request, root); !signed_ok) return signed_ok;
  if (auto signed_ok = make(intermediate, CertificateKind::intermediate, request, root); !signed_ok) return signed_ok;

  struct Output {
    std::string_view name;
    std::string* content;
    perms mode;
  };
  // The bundle last: where it stands, the CA is complete.
  std::vector<path> made;
  const Output outputs[] = {{kRootKey, &root.key_pem, kPrivate},
                            {kRootCert, &root.cert_pem, kPublic},
                            {kIntermediateKey, &intermediate.key_pem, kPrivate},
                            {kIntermediateCert, &intermediate.cert_pem, kPublic},
                            {kBundle, &root.cert_pem, kPublic}};
  Result<void> result;
  for (const Output& output : outputs) {
    result = tls::create_file(request.dir / output.name, as_bytes(*output.content), output.mode);
    if (!result) break;
    made.push_back(request.dir / output.name);
  }
  // Half a CA would only be in the way of the next attempt.
  std::error_code ignored;
  if (!result)
    for (const path& file : made) std::filesystem::remove(file, ignored);
  for (Authority* authority : {&root, &intermediate})
    crypto::wipe({reinterpret_cast<std::uint8_t*>(authority->key_pem.data()), authority->key_pem.size()});
  return result;
}

}  // namespace fairlead::rendezvous
