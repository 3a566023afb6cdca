#pragma once
// Whom a client means to reach, and whether the peer is that one.
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/tls/clock.h"
#include "common/tls/peer_certificate.h"

namespace fairlead::tls {

// Host and id must fit, at the time of the clock.
struct ServerExpectation {
  std::string host;  // the name or IP literal that was dialled; a name is sent as SNI, a literal is not. Empty:
                     // the name is not checked (a peer known by its SPIFFE id alone)
  // One of them must fit; PatternKind::spiffe; {trust_domain} stands for our own.
  std::vector<std::string> spiffe_patterns;
  ClientClock clock = nullptr;  // by which this server is judged; null: the context's
  std::string sni = {};         // sent where `host` is empty: somebody routes by it, and no certificate need carry it
};

// Whether the peer is the expected one. Errors: certificate_name, certificate_identity.
Result<void> check_expected(const PeerIdentity& peer, const ServerExpectation& expected, std::string_view trust_domain);

}  // namespace fairlead::tls
