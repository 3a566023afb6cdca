#pragma once
// The CA's signing side: an intermediate certificate and its key, of a CA directory or given by [signer], loaded to
// sign leaf certificates. One thread at a time.
#include <filesystem>
#include <memory>
#include <string>

#include "common/base/result.h"
#include "common/base/time.h"
#include "rendezvous/ca/certificate_writer.h"

namespace fairlead::rendezvous {

// The names of the files in a CA directory.
inline constexpr std::string_view kRootCert = "root.crt";
inline constexpr std::string_view kRootKey = "root.key";
inline constexpr std::string_view kIntermediateCert = "intermediate.crt";
inline constexpr std::string_view kIntermediateKey = "intermediate.key";
inline constexpr std::string_view kBundle = "ca.crt";
inline constexpr std::string_view kIssuedLog = "issued.log";

struct IssuedLeaf {
  std::string chain_pem;  // leaf, then intermediate
  std::string key_pem;
};

class Issuer {
 public:
  // Errors name the file: config_invalid.
  static Result<std::unique_ptr<Issuer>> open(const std::filesystem::path& cert, const std::filesystem::path& key);
  static Result<std::unique_ptr<Issuer>> open(const std::filesystem::path& dir) {
    return open(dir / kIntermediateCert, dir / kIntermediateKey);
  }

  const std::string& trust_domain() const { return trust_domain_; }
  WallTime not_after() const { return not_after_; }
  // Signs what it is told with a new key: the caller has judged the names.
  Result<IssuedLeaf> issue(const CertificateSpec& spec);
  // The same for a key that is elsewhere: leaf and intermediates in DER. `key` is the public one.
  Result<std::vector<Bytes>> sign(const CertificateSpec& spec, tls::OwnedKey& key);

 private:
  Issuer() = default;

  std::string trust_domain_;
  std::string subject_;
  std::string pem_;
  WallTime not_after_{};
  tls::OwnedKey key_;
};

}  // namespace fairlead::rendezvous
