#pragma once
// Judges the peer's certificate chain during a handshake: mbedtls builds the chain and checks the signatures,
// everything else is decided here, once for both of its versions: time by the clock that was passed in, identity, name,
// purpose (RFC 5280 §6, X509-SVID §4). One per connection, on its thread.
#include <optional>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/tls/peer_certificate.h"
#include "common/tls/server_expectation.h"
#include "common/tls/tls_context.h"

struct mbedtls_x509_crt;

namespace fairlead::tls {

// Whom this side believes.
struct PeerTrust {
  std::string trust_domain;      // our own; empty for a device without an identity
  std::optional<Digest> ca_pin;  // set: not the CAs that the library knows, but the one with this key, which the peer
                                 // sends along
};

class PeerVerifier {
 public:
  // `expected` is null when the peer is a client; it, `trust`, `clock` and `rule` outlive this.
  PeerVerifier(PeerRole peer, const PeerTrust& trust, const ClientClock& clock, const ServerExpectation* expected,
               const ClientRule& rule = kEverybody)
      : peer_(peer), trust_(trust), clock_(clock), expected_(expected), rule_(rule) {}

  // The library's verification callback: once per certificate from the root (highest depth) to the leaf (0).
  static int callback(void* self, mbedtls_x509_crt* certificate, int depth, std::uint32_t* flags);

  // After a chain was judged one of the two is there.
  const std::optional<PeerIdentity>& identity() const { return identity_; }
  const std::optional<Error>& failure() const { return failure_; }

 private:
  void on_certificate(const mbedtls_x509_crt& certificate, int depth, std::uint32_t& flags);
  void judge_pin(const mbedtls_x509_crt& certificate, std::uint32_t& flags);
  void judge_time(const mbedtls_x509_crt& certificate, std::string_view which, std::uint32_t& flags);
  void judge_leaf(const mbedtls_x509_crt& leaf, std::uint32_t& flags);
  void reject(Reason reason, std::string detail);

  static const ClientRule kEverybody;

  PeerRole peer_;
  const PeerTrust& trust_;
  const ClientClock& clock_;
  const ServerExpectation* expected_;
  const ClientRule& rule_;  // may be null
  WallTime not_after_ = WallTime::max();
  std::optional<PeerIdentity> identity_;
  std::optional<Error> failure_;
};

}  // namespace fairlead::tls
