#include "rendezvous/ca/certificate_writer.h"

#include <fmt/format.h>
#include <mbedtls/oid.h>

#include "common/crypto/system_rng.h"
#include "common/tls/key_writer.h"
#include "rendezvous/ca/certificate_signature.h"
#include "rendezvous/ca/der.h"

namespace fairlead::rendezvous {
namespace {

using OwnedWriter = tls::Owned<mbedtls_x509write_cert, mbedtls_x509write_crt_init, mbedtls_x509write_crt_free>;

constexpr std::size_t kMaxDerBytes = 8192;
constexpr std::uint8_t kBoolean = 0x01;
constexpr std::uint8_t kInteger = 0x02;
constexpr std::uint8_t kBitString = 0x03;
constexpr std::uint8_t kOid = 0x06;

enum class Criticality : int { optional = 0, critical = 1 };

// The first failure of a row of library calls; the calls after it are skipped.
class Steps {
 public:
  template <class Call>
  Steps& then(std::string_view what, Call call) {
    if (code_ == 0) {
      code_ = call();
      what_ = what;
    }
    return *this;
  }
  Result<void> result() const {
    if (code_ >= 0) return {};
    return fail(Reason::internal, fmt::format("certificate: {}: {}", what_, tls::library_error(code_)));
  }

 private:
  int code_ = 0;
  std::string_view what_;
};

template <std::size_t N>
int add_extension(OwnedWriter& writer, const char (&oid)[N], Criticality criticality, const Bytes& value) {
  return mbedtls_x509write_crt_set_extension(writer.get(), oid, N - 1, static_cast<int>(criticality), value.data(),
                                             value.size());
}

// RFC 5280 §4.2.1.9. A leaf says CA:FALSE by an empty sequence.
Bytes basic_constraints(CertificateKind kind) {
  const Bytes yes = der_element(kBoolean, Bytes{0xff});
  const Bytes no_further = der_element(kInteger, Bytes{0});
  if (kind == CertificateKind::root) return der_sequence({yes});
  if (kind == CertificateKind::intermediate) return der_sequence({yes, no_further});
  return der_sequence({});
}

// RFC 5280 §4.2.1.3: keyCertSign and cRLSign, or digitalSignature; the first byte counts the unused bits.
Bytes key_usage(CertificateKind kind) {
  return der_element(kBitString, kind == CertificateKind::leaf ? Bytes{7, 0x80} : Bytes{1, 0x06});
}

Bytes extended_key_usage(const std::vector<Purpose>& purposes) {
  Bytes server;
  Bytes client;
  for (const Purpose purpose : purposes) {
    if (purpose == Purpose::server) server = der_element(kOid, as_bytes(MBEDTLS_OID_SERVER_AUTH));
    if (purpose == Purpose::client) client = der_element(kOid, as_bytes(MBEDTLS_OID_CLIENT_AUTH));
  }
  return der_sequence({server, client});
}

// The library takes "YYYYMMDDhhmmss".
std::string time_digits(WallTime time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  return fmt::format("{:04}{:02}{:02}{:02}{:02}{:02}", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), clock.hours().count(),
                     clock.minutes().count(), clock.seconds().count());
}

int set_serial(OwnedWriter& writer, const Bytes& serial) {
#if MBEDTLS_VERSION_NUMBER >= 0x03040000
  Bytes copy = serial;  // the parameter is not const
  return mbedtls_x509write_crt_set_serial_raw(writer.get(), copy.data(), copy.size());
#else
  tls::Owned<mbedtls_mpi, mbedtls_mpi_init, mbedtls_mpi_free> number;
  const int code = mbedtls_mpi_read_binary(number.get(), serial.data(), serial.size());
  return code != 0 ? code : mbedtls_x509write_crt_set_serial(writer.get(), number.get());
#endif
}

Result<void> set_extensions(OwnedWriter& writer, const CertificateSpec& spec) {
  const CertificateKind kind = spec.kind;
  Steps steps;
  steps.then("basic constraints", [&] {
    return add_extension(writer, MBEDTLS_OID_BASIC_CONSTRAINTS, Criticality::critical, basic_constraints(kind));
  });
  steps.then("key usage",
             [&] { return add_extension(writer, MBEDTLS_OID_KEY_USAGE, Criticality::critical, key_usage(kind)); });
  if (kind == CertificateKind::leaf && !spec.purposes.empty()) {
    steps.then("extended key usage", [&] {
      return add_extension(writer, MBEDTLS_OID_EXTENDED_KEY_USAGE, Criticality::optional,
                           extended_key_usage(spec.purposes));
    });
  }
  steps.then("subject key", [&] { return mbedtls_x509write_crt_set_subject_key_identifier(writer.get()); });
  steps.then("authority key", [&] { return mbedtls_x509write_crt_set_authority_key_identifier(writer.get()); });
  const Bytes names = der_alternative_names(spec.names);
  if (names != der_sequence({})) {
    steps.then("names",
               [&] { return add_extension(writer, MBEDTLS_OID_SUBJECT_ALT_NAME, Criticality::optional, names); });
  }
  return steps.result();
}

}  // namespace

Bytes random_serial() {
  Bytes serial(kSerialBytes);
  crypto::fill_random(serial);
  serial[0] = static_cast<std::uint8_t>((serial[0] & 0x7f) | 0x40);
  return serial;
}

Result<std::string> write_certificate(const CertificateSpec& spec, tls::OwnedKey& key,
                                      const std::string& issuer_subject, tls::OwnedKey& issuer_key) {
  OwnedWriter writer;
  mbedtls_x509write_crt_set_version(writer.get(), MBEDTLS_X509_CRT_VERSION_3);
  mbedtls_x509write_crt_set_md_alg(writer.get(), MBEDTLS_MD_SHA256);
  mbedtls_x509write_crt_set_subject_key(writer.get(), key.get());
  mbedtls_x509write_crt_set_issuer_key(writer.get(), issuer_key.get());
  Steps steps;
  steps.then("serial", [&] { return set_serial(writer, spec.serial); });
  steps.then("subject", [&] { return mbedtls_x509write_crt_set_subject_name(writer.get(), spec.subject.c_str()); });
  steps.then("issuer", [&] { return mbedtls_x509write_crt_set_issuer_name(writer.get(), issuer_subject.c_str()); });
  steps.then("validity", [&] {
    return mbedtls_x509write_crt_set_validity(writer.get(), time_digits(spec.not_before).c_str(),
                                              time_digits(spec.not_after).c_str());
  });
  if (auto ready = steps.result(); !ready) return tl::unexpected(ready.error());
  if (auto ready = set_extensions(writer, spec); !ready) return tl::unexpected(ready.error());
  Bytes der(kMaxDerBytes);
  const int size = mbedtls_x509write_crt_der(writer.get(), der.data(), der.size(), tls::library_random, nullptr);
  if (size < 0) return fail(Reason::internal, "certificate: " + tls::library_error(size));
  der.erase(der.begin(), der.end() - size);  // the library writes from the end
  const auto certificate = sign_again(std::move(der), issuer_key);
  if (!certificate) return tl::unexpected(certificate.error());
  return tls::certificate_to_pem(*certificate);
}

}  // namespace fairlead::rendezvous
