#include "rendezvous/ca/issuer.h"

#include "common/crypto/secret.h"
#include "common/tls/key_writer.h"
#include "common/tls/private_file.h"
#include "common/tls/spiffe_id.h"

namespace fairlead::rendezvous {
namespace {

constexpr std::string_view kScheme = "spiffe://";
constexpr std::size_t kMaxFileBytes = 65536;

tl::unexpected<Error> unusable(const std::filesystem::path& file, std::string_view what) {
  return fail(Reason::config_invalid, file.string() + ": " + std::string(what));
}

Result<Bytes> read_pem(const std::filesystem::path& file) {
  Result<Bytes> pem = tls::read_whole_file(file, kMaxFileBytes);
  if (!pem) return fail(Reason::config_invalid, pem.error().detail + " (make the CA with `ca init`)");
  pem->push_back(0);
  return pem;
}

}  // namespace

Result<std::unique_ptr<Issuer>> Issuer::open(const std::filesystem::path& cert_file,
                                             const std::filesystem::path& key_file) {
  tls::start_library();
  std::unique_ptr<Issuer> issuer(new Issuer());
  const Result<Bytes> cert_pem = read_pem(cert_file);
  if (!cert_pem) return tl::unexpected(cert_pem.error());
  tls::OwnedCertificates certificate;
  if (const int code = mbedtls_x509_crt_parse(certificate.get(), cert_pem->data(), cert_pem->size()); code != 0)
    return unusable(cert_file, "no certificate can be read: " + tls::library_error(code));
  const auto names = tls::read_alternative_names(*certificate.get());
  if (!names || names->uris.size() != 1 || !names->uris[0].starts_with(kScheme))
    return unusable(cert_file, "it does not name a trust domain (one spiffe:// URI)");
  issuer->trust_domain_ = names->uris[0].substr(kScheme.size());
  issuer->not_after_ = tls::to_wall_time(certificate->valid_to);
  issuer->pem_ = as_text(ByteView(*cert_pem).first(cert_pem->size() - 1));
  char subject[512] = {};
  if (mbedtls_x509_dn_gets(subject, sizeof subject, &certificate->subject) <= 0)
    return unusable(cert_file, "its subject cannot be read");
  issuer->subject_ = subject;

  Result<Bytes> key_pem = read_pem(key_file);
  if (!key_pem) return tl::unexpected(key_pem.error());
  const int code = tls::parse_private_key(issuer->key_.get(), *key_pem);
  crypto::wipe(*key_pem);
  if (code != 0) return unusable(key_file, "no private key can be read: " + tls::library_error(code));
  if (tls::check_key_pair(&certificate->pk, issuer->key_.get()) != 0)
    return unusable(key_file, "the key does not belong to " + cert_file.string());
  return issuer;
}

Result<IssuedLeaf> Issuer::issue(const CertificateSpec& spec) {
  tls::OwnedKey key;
  if (auto made = tls::generate_key(key); !made) return tl::unexpected(made.error());
  Result<std::string> leaf = write_certificate(spec, key, subject_, key_);
  if (!leaf) return tl::unexpected(leaf.error());
  Result<std::string> key_pem = tls::key_to_pem(key);
  if (!key_pem) return tl::unexpected(key_pem.error());
  return IssuedLeaf{*leaf + pem_, std::move(*key_pem)};
}

Result<std::vector<Bytes>> Issuer::sign(const CertificateSpec& spec, tls::OwnedKey& key) {
  const Result<std::string> leaf = write_certificate(spec, key, subject_, key_);
  if (!leaf) return tl::unexpected(leaf.error());
  const std::string pem = *leaf + pem_;
  tls::OwnedCertificates chain;
  const auto* text = reinterpret_cast<const unsigned char*>(pem.c_str());
  if (const int code = mbedtls_x509_crt_parse(chain.get(), text, pem.size() + 1); code != 0)
    return fail(Reason::internal, "certificate: " + tls::library_error(code));
  std::vector<Bytes> out;
  for (const mbedtls_x509_crt* at = chain.get(); at != nullptr; at = at->next) {
    const ByteView der = tls::der_of(*at);
    out.emplace_back(der.begin(), der.end());
  }
  return out;
}

}  // namespace fairlead::rendezvous
