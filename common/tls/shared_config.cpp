#include "common/tls/shared_config.h"

#include <mbedtls/ssl_ciphersuites.h>

#include <algorithm>

#include "common/base/check.h"
#include "common/tls/key_pin.h"
#include "common/tls/ticket_callbacks.h"

namespace fairlead::tls {
namespace {

// ChaCha20-Poly1305 first: mbedtls is half again as fast with it even where the processor has AES instructions.
constexpr int kCipherSuites[] = {MBEDTLS_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
                                 MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
                                 MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, 0};
// A library must not be offered what it was built without.
constexpr int kServiceSuites[] = {MBEDTLS_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
                                  MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
                                  MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
#if defined(MBEDTLS_KEY_EXCHANGE_ECDHE_RSA_ENABLED)
                                  MBEDTLS_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
                                  MBEDTLS_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
                                  MBEDTLS_TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
#endif
                                  0};

// What a client asks for (RFC 6066 §4): control messages are short, and both ends of a library with variable buffers
// then keep 2 KiB each way instead of 16. Handshake messages stay whole, whatever their size: the library neither
// splits them nor shrinks its buffers before the handshake is over.
constexpr unsigned char kFragmentLength = MBEDTLS_SSL_MAX_FRAG_LEN_2048;

// Mesh CAs may be RSA or larger curves; what a leaf may be is the profile's.
constexpr mbedtls_x509_crt_profile kCertificateProfile = {
    MBEDTLS_X509_ID_FLAG(MBEDTLS_MD_SHA256) | MBEDTLS_X509_ID_FLAG(MBEDTLS_MD_SHA384) |
        MBEDTLS_X509_ID_FLAG(MBEDTLS_MD_SHA512),
    0xffffffff,
    MBEDTLS_X509_ID_FLAG(MBEDTLS_ECP_DP_SECP256R1) | MBEDTLS_X509_ID_FLAG(MBEDTLS_ECP_DP_SECP384R1) |
        MBEDTLS_X509_ID_FLAG(MBEDTLS_ECP_DP_SECP521R1),
    2048,
};

}  // namespace

SharedConfig::SharedConfig(PeerRole peer_role, Profile profile, std::shared_ptr<const Credentials> own,
                           std::vector<std::string> protocols, ClientClock now, std::optional<Digest> pinned_ca)
    : peer(peer_role),
      credentials(std::move(own)),
      trust{credentials ? std::string(credentials->trust_domain()) : "", pinned_ca},
      alpn(std::move(protocols)),
      clock(std::move(now)) {
  CHECK((credentials != nullptr) != trust.ca_pin.has_value());
  CHECK(clock != nullptr);
  start_library();
  set_protocol(profile);
  set_identity();
  set_alpn();
}

void SharedConfig::set_protocol(Profile profile) {
  const bool session = profile == Profile::session;
  const int endpoint = peer == PeerRole::client ? MBEDTLS_SSL_IS_SERVER : MBEDTLS_SSL_IS_CLIENT;
  CHECK(mbedtls_ssl_config_defaults(ssl.get(), endpoint, MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT) ==
        0);
  limit_protocol(ssl.get(), session ? Curves::p256 : Curves::common);
  mbedtls_ssl_conf_ciphersuites(ssl.get(), session ? kCipherSuites : kServiceSuites);
  mbedtls_ssl_conf_cert_profile(ssl.get(), &kCertificateProfile);
  mbedtls_ssl_conf_rng(ssl.get(), library_random, nullptr);
  mbedtls_ssl_conf_authmode(ssl.get(), MBEDTLS_SSL_VERIFY_REQUIRED);
  mbedtls_ssl_conf_extended_master_secret(ssl.get(), MBEDTLS_SSL_EXTENDED_MS_ENABLED);
  mbedtls_ssl_conf_legacy_renegotiation(ssl.get(), MBEDTLS_SSL_LEGACY_BREAK_HANDSHAKE);
  if (peer == PeerRole::client) {
    mbedtls_ssl_conf_cert_req_ca_list(ssl.get(), MBEDTLS_SSL_CERT_REQ_CA_LIST_DISABLED);
    return;
  }
  mbedtls_ssl_conf_session_tickets(ssl.get(), MBEDTLS_SSL_SESSION_TICKETS_ENABLED);
  if (session) CHECK(mbedtls_ssl_conf_max_frag_len(ssl.get(), kFragmentLength) == 0);
}

// Credentials::load parsed all of this before: failing now would be our own bug. Where a CA is known by its key alone,
// the library is given no CA, finds none, and PeerVerifier has the last word.
void SharedConfig::set_identity() {
  mbedtls_ssl_conf_ca_chain(ssl.get(), ca_.get(), nullptr);
  if (!credentials) return;
  for (const Bytes& der : credentials->chain_der())
    CHECK(mbedtls_x509_crt_parse_der(chain_.get(), der.data(), der.size()) == 0);
  for (const Bytes& der : credentials->ca_der())
    CHECK(mbedtls_x509_crt_parse_der(ca_.get(), der.data(), der.size()) == 0);
  CHECK(parse_private_key(key_.get(), credentials->key_pem()) == 0);
  CHECK(mbedtls_ssl_conf_own_cert(ssl.get(), chain_.get(), key_.get()) == 0);
}

void SharedConfig::set_alpn() {
  if (alpn.empty()) return;
  for (const std::string& protocol : alpn) alpn_list_.push_back(protocol.c_str());
  alpn_list_.push_back(nullptr);
  CHECK(mbedtls_ssl_conf_alpn_protocols(ssl.get(), alpn_list_.data()) == 0);
}

void SharedConfig::make_client_certificate_optional() {
  client_certificate = ClientCertificate::optional;
  mbedtls_ssl_conf_authmode(ssl.get(), MBEDTLS_SSL_VERIFY_OPTIONAL);
}

void SharedConfig::show_root() {
  if (const Bytes* root = signing_ca(*credentials))
    CHECK(mbedtls_x509_crt_parse_der(chain_.get(), root->data(), root->size()) == 0);
}

void SharedConfig::use_tickets(std::shared_ptr<TicketKeys> keys) {
  ticket_keys = std::move(keys);
  mbedtls_ssl_conf_session_tickets_cb(ssl.get(), write_ticket, parse_ticket, this);
}

TlsServerContext::TlsServerContext(TlsServerOptions options)
    : config_(std::make_shared<SharedConfig>(PeerRole::client, options.profile, std::move(options.credentials),
                                             std::move(options.alpn), std::move(options.clock))) {
  if (options.client_certificate == ClientCertificate::optional) config_->make_client_certificate_optional();
  CHECK(!options.allow || !options.ticket_keys);
  config_->alpn_rule = options.alpn_rule;
  config_->allow = std::move(options.allow);
  if (options.show_root) config_->show_root();
  if (options.ticket_keys) config_->use_tickets(std::move(options.ticket_keys));
}

TlsServerContext::~TlsServerContext() = default;
TlsServerContext::TlsServerContext(TlsServerContext&&) noexcept = default;
TlsServerContext& TlsServerContext::operator=(TlsServerContext&&) noexcept = default;
const Credentials& TlsServerContext::credentials() const {
  return *config_->credentials;
}

TlsClientContext::TlsClientContext(TlsClientOptions options)
    : config_(std::make_shared<SharedConfig>(PeerRole::server, options.profile, std::move(options.credentials),
                                             std::move(options.alpn), std::move(options.clock), options.ca_pin)) {}

TlsClientContext::~TlsClientContext() = default;
TlsClientContext::TlsClientContext(TlsClientContext&&) noexcept = default;
TlsClientContext& TlsClientContext::operator=(TlsClientContext&&) noexcept = default;
const Credentials& TlsClientContext::credentials() const {
  CHECK(config_->credentials != nullptr);
  return *config_->credentials;
}

}  // namespace fairlead::tls
