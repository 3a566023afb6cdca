#include "common/tls/credentials.h"

#include <fmt/format.h>
#include <mbedtls/error.h>
#include <sys/stat.h>

#include <algorithm>

#include "common/crypto/secret.h"
#include "common/tls/chain_order.h"
#include "common/tls/mbedtls_compat.h"
#include "common/tls/private_file.h"
#include "common/tls/spiffe_id.h"
#include "common/tls/time_text.h"

namespace fairlead::tls {
namespace {

template <class... Args>
tl::unexpected<Error> unusable(const std::filesystem::path& file, fmt::format_string<Args...> text, Args&&... args) {
  return fail(Reason::config_invalid, file.string() + ": " + fmt::format(text, std::forward<Args>(args)...));
}

// PEM text with the closing zero byte that the library's parsers want.
Result<Bytes> read_pem(const std::filesystem::path& file) {
  Result<Bytes> content = read_whole_file(file, kMaxIdentityFileBytes);
  if (!content) return fail(Reason::config_invalid, content.error().detail);
  if (as_text(*content).find("-----BEGIN ") == std::string_view::npos)
    return unusable(file, "is not PEM (no -----BEGIN line)");
  content->push_back(0);
  return content;
}

std::vector<Bytes> copy_der(const mbedtls_x509_crt* certificate) {
  std::vector<Bytes> out;
  for (; certificate != nullptr; certificate = certificate->next) {
    const ByteView der = der_of(*certificate);
    if (!der.empty()) out.emplace_back(der.begin(), der.end());
  }
  return out;
}

// Of a key or a signature; the library adds where it met it.
bool is_unknown_algorithm(int result) {
  if (result == 0) return false;
  const int high = -(-result & ~0x7f);
  return high == MBEDTLS_ERR_PK_UNKNOWN_PK_ALG || high == MBEDTLS_ERR_PK_UNKNOWN_NAMED_CURVE ||
         high == MBEDTLS_ERR_X509_UNKNOWN_SIG_ALG;
}

Digest hash_bundle(const std::vector<Bytes>& certificates) {
  std::vector<Digest> digests;
  for (const Bytes& der : certificates) digests.push_back(crypto::sha256(der));
  std::ranges::sort(digests);
  const auto repeated = std::ranges::unique(digests);
  digests.erase(repeated.begin(), repeated.end());
  crypto::Sha256 all;
  for (const Digest& digest : digests) all.update(digest);
  return all.finish();
}

void parse_all(const std::vector<Bytes>& certificates, mbedtls_x509_crt* out) {
  for (const Bytes& der : certificates) mbedtls_x509_crt_parse_der(out, der.data(), der.size());
}

}  // namespace

Credentials::~Credentials() {
  crypto::wipe(key_);
}

std::string_view Credentials::trust_domain() const {
  return trust_domain_of(identity_.spiffe_id);
}

Result<std::shared_ptr<const Credentials>> Credentials::load(const IdentityFiles& files) {
  start_library();
  const std::shared_ptr<Credentials> loaded(new Credentials());
  OwnedKey key;
  if (auto read = loaded->read_key(files.key, key.get()); !read) return tl::unexpected(read.error());
  if (auto read = loaded->read_chain(files, *key.get()); !read) return tl::unexpected(read.error());
  if (auto read = loaded->read_ca(files.ca); !read) return tl::unexpected(read.error());
  loaded->check_trust(files);
  return loaded;
}

Result<void> Credentials::read_key(const std::filesystem::path& file, mbedtls_pk_context* key) {
  Result<Bytes> pem = read_pem(file);
  if (!pem) return tl::unexpected(pem.error());
  key_ = std::move(*pem);
  const int result = parse_private_key(key, key_);
  // A library built without the old ciphers of encrypted keys does not know what it sees.
  const bool encrypted = as_text(key_).find("ENCRYPTED") != std::string_view::npos;
  if (result == MBEDTLS_ERR_PK_PASSWORD_REQUIRED || (result != 0 && encrypted))
    return unusable(file, "the key is encrypted; it must be stored without a password");
  if (is_unknown_algorithm(result)) return unusable(file, "the key is not ECDSA P-256; make such a key");
  if (result != 0) return unusable(file, "no private key can be read: {}", library_error(result));
  struct stat info = {};
  if (::stat(file.c_str(), &info) == 0 && (info.st_mode & (S_IRWXO | S_IWGRP)) != 0)
    warnings_.push_back(fmt::format("{}: others may read or change the key (mode {:o}); chmod 600 it", file.string(),
                                    info.st_mode & 0777));
  return {};
}

Result<void> Credentials::read_chain(const IdentityFiles& files, const mbedtls_pk_context& key) {
  const std::filesystem::path& file = files.cert;
  const Result<Bytes> pem = read_pem(file);
  if (!pem) return tl::unexpected(pem.error());
  OwnedCertificates found;
  const int result = mbedtls_x509_crt_parse(found.get(), pem->data(), pem->size());
  if (result > 0) return unusable(file, "{} of its certificates cannot be read", result);
  if (is_unknown_algorithm(result))
    return unusable(file, "its key, or the key that signed it, is not ECDSA P-256; issue it anew");
  if (result < 0) return unusable(file, "no certificate can be read: {}", library_error(result));
  chain_ = order_chain(*found.get(), key);
  if (chain_.empty()) return unusable(files.key, "the key does not belong to the certificate in {}", file.string());
  OwnedCertificates chain;
  parse_all(chain_, chain.get());
  if (!is_p256(chain->pk)) return unusable(file, "the certificate's key is not ECDSA P-256; issue it with such a key");
  Result<PeerIdentity> identity = read_identity(*chain.get());
  if (!identity) return unusable(file, "the certificate cannot be used: {}", identity.error().detail);
  identity_ = std::move(*identity);
  // Both sides are needed: an agent dials its rendezvous and is dialled when it is verified.
  if (!may_act_as(*chain.get(), PeerRole::server) || !may_act_as(*chain.get(), PeerRole::client))
    warnings_.push_back(
        fmt::format("{}: the certificate is not made for both sides of TLS; issue it with serverAuth and "
                    "clientAuth",
                    file.string()));
  for (const mbedtls_x509_crt* at = chain.get(); at != nullptr; at = at->next) {
    identity_.not_after = std::min(identity_.not_after, to_wall_time(at->valid_to));
    not_before_ = std::max(not_before_, to_wall_time(at->valid_from));
  }
  return {};
}

Result<void> Credentials::check_times(const IdentityFiles& files, WallTime now) const {
  if (now >= not_after())
    return unusable(files.cert, "the certificate expired {}; issue a new one", time_text(not_after()));
  if (now < not_before())
    return unusable(files.cert, "the certificate is not valid before {}, and the clock here says {}",
                    time_text(not_before()), time_text(now));
  return {};
}

Result<void> Credentials::read_ca(const std::filesystem::path& file) {
  const Result<Bytes> pem = read_pem(file);
  if (!pem) return tl::unexpected(pem.error());
  OwnedCertificates bundle;
  const int result = mbedtls_x509_crt_parse(bundle.get(), pem->data(), pem->size());
  if (result < 0) return unusable(file, "no certificate can be read: {}", library_error(result));
  ca_ = copy_der(bundle.get());
  if (ca_.empty()) return unusable(file, "it has no certificate");
  // A bundle may hold CAs that this library cannot use; the others still serve.
  if (result > 0) warnings_.push_back(fmt::format("{}: {} of its certificates cannot be read", file.string(), result));
  for (const mbedtls_x509_crt* at = bundle.get(); at != nullptr; at = at->next)
    if (at->MBEDTLS_PRIVATE(ca_istrue) == 0)
      warnings_.push_back(
          fmt::format("{}: one of its certificates is not a CA's and will be of no use", file.string()));
  ca_hash_ = hash_bundle(ca_);
  return {};
}

// A warning only: the bundle is for judging peers, and during a change of CA the two may differ for a while.
void Credentials::check_trust(const IdentityFiles& files) {
  OwnedCertificates chain;
  OwnedCertificates bundle;
  parse_all(chain_, chain.get());
  parse_all(ca_, bundle.get());
  std::uint32_t flags = 0;
  mbedtls_x509_crt_verify(chain.get(), bundle.get(), nullptr, nullptr, &flags, nullptr, nullptr);
  if ((flags & MBEDTLS_X509_BADCERT_NOT_TRUSTED) != 0)
    warnings_.push_back(
        fmt::format("{}: the certificate is not signed by a CA of {}; peers that trust the same will refuse it",
                    files.cert.string(), files.ca.string()));
}

}  // namespace fairlead::tls
