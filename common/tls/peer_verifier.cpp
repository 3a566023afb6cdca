#include "common/tls/peer_verifier.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/tls/mbedtls_compat.h"
#include "common/tls/time_text.h"

namespace fairlead::tls {
namespace {

std::string subject_of(const mbedtls_x509_crt& certificate) {
  char text[200] = {};
  mbedtls_x509_dn_gets(text, sizeof text, &certificate.subject);
  return text;
}

std::string flag_text(std::uint32_t flags) {
  char text[300] = {};
  mbedtls_x509_crt_verify_info(text, sizeof text, "", flags);
  std::string out = text;
  std::ranges::replace(out, '\n', ' ');
  while (out.ends_with(' ')) out.pop_back();
  return out;
}

}  // namespace

const ClientRule PeerVerifier::kEverybody;

int PeerVerifier::callback(void* self, mbedtls_x509_crt* certificate, int depth, std::uint32_t* flags) {
  static_cast<PeerVerifier*>(self)->on_certificate(*certificate, depth, *flags);
  return 0;
}

// Flags that stay set fail the handshake and choose the alert; the first failure noted is the one reported.
void PeerVerifier::on_certificate(const mbedtls_x509_crt& certificate, int depth, std::uint32_t& flags) {
  // The library's own judgement of time (by the system's clock) and of names (no URI, no IP in 2.28) does not count.
  flags &= ~static_cast<std::uint32_t>(MBEDTLS_X509_BADCERT_EXPIRED | MBEDTLS_X509_BADCERT_FUTURE |
                                       MBEDTLS_X509_BADCERT_CN_MISMATCH);
  not_after_ = std::min(not_after_, to_wall_time(certificate.valid_to));
  if (trust_.ca_pin) judge_pin(certificate, flags);
  if (flags != 0)
    reject(Reason::certificate_untrusted, fmt::format("{}: {}", subject_of(certificate), flag_text(flags)));
  judge_time(certificate, depth == 0 ? "the certificate" : "a CA certificate", flags);
  if (depth == 0) judge_leaf(certificate, flags);
}

// The library knows no CA here and says so of the last certificate that it came to; of one below whose signature its
// issuer did not make, it says the same. A trust anchor is a key (RFC 5280 §6.1.1 (d)): what else stands in the pinned
// CA's certificate, its own signature included, proves nothing and is not asked.
void PeerVerifier::judge_pin(const mbedtls_x509_crt& certificate, std::uint32_t& flags) {
  if ((flags & MBEDTLS_X509_BADCERT_NOT_TRUSTED) == 0) return;
  if (crypto::sha256({certificate.pk_raw.p, certificate.pk_raw.len}) == *trust_.ca_pin) {
    flags &= ~static_cast<std::uint32_t>(MBEDTLS_X509_BADCERT_NOT_TRUSTED);
  } else {
    reject(Reason::ca_mismatch, fmt::format("{} is not of the CA that was expected", subject_of(certificate)));
  }
}

void PeerVerifier::judge_time(const mbedtls_x509_crt& certificate, std::string_view which, std::uint32_t& flags) {
  const auto [now, kind] = clock_();
  // Against a clock that is known to be wrong, our CA's date is evidence of the time.
  if (kind == ClockReading::Kind::exact && now < to_wall_time(certificate.valid_from)) {
    flags |= MBEDTLS_X509_BADCERT_FUTURE;
    reject(Reason::certificate_not_yet_valid,
           fmt::format("{} ({}) is valid from {}, now is {}", which, subject_of(certificate),
                       time_text(to_wall_time(certificate.valid_from)), time_text(now)));
  } else if (now >= to_wall_time(certificate.valid_to)) {
    flags |= MBEDTLS_X509_BADCERT_EXPIRED;
    reject(Reason::certificate_expired, fmt::format("{} ({}) ended at {}, now is {}", which, subject_of(certificate),
                                                    time_text(to_wall_time(certificate.valid_to)), time_text(now)));
  }
}

void PeerVerifier::judge_leaf(const mbedtls_x509_crt& leaf, std::uint32_t& flags) {
  if (!may_act_as(leaf, peer_)) {
    flags |= MBEDTLS_X509_BADCERT_EXT_KEY_USAGE;
    reject(Reason::certificate_purpose, fmt::format("{} lacks {} or digitalSignature", subject_of(leaf),
                                                    peer_ == PeerRole::server ? "serverAuth" : "clientAuth"));
  }
  Result<PeerIdentity> identity = read_identity(leaf);
  if (!identity) {
    flags |= MBEDTLS_X509_BADCERT_OTHER;
    return reject(identity.error().reason, fmt::format("{}: {}", subject_of(leaf), identity.error().detail));
  }
  if (expected_ != nullptr) {
    if (auto fits = check_expected(*identity, *expected_, trust_.trust_domain); !fits) {
      flags |= MBEDTLS_X509_BADCERT_CN_MISMATCH;
      return reject(fits.error().reason, fits.error().detail);
    }
  }
  if (failure_) return;
  identity->not_after = not_after_;
  if (const auto allowed = rule_ ? rule_(*identity) : Result<void>(); !allowed) {
    flags |= MBEDTLS_X509_BADCERT_OTHER;
    return reject(allowed.error().reason, allowed.error().detail);
  }
  identity_ = std::move(*identity);
}

void PeerVerifier::reject(Reason reason, std::string detail) {
  if (!failure_) failure_ = Error{reason, std::move(detail)};
}

}  // namespace fairlead::tls
