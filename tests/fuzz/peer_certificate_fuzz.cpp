// The names of a certificate that a stranger shows, read from its raw extensions.
#include <cstdint>

#include "common/base/check.h"
#include "common/tls/mbedtls_compat.h"
#include "common/tls/peer_certificate.h"
#include "common/tls/session_state.h"
#include "common/tls/spiffe_id.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace fairlead;
  if (const auto state = tls::parse_session_state({data, size})) CHECK(tls::write_session_state(*state).size() == size);
  tls::OwnedCertificates certificate;
  if (mbedtls_x509_crt_parse_der(certificate.get(), data, size) != 0) return 0;
  const auto identity = tls::read_identity(*certificate.get());
  if (!identity) return 0;
  CHECK(tls::is_spiffe_id(identity->spiffe_id));
  CHECK(identity->dns_names.size() + identity->ip_addresses.size() < tls::kMaxSanNames);
  for (const std::string& name : identity->dns_names) tls::names_host(*identity, name);
  return 0;
}
