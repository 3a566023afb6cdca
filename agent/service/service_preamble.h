#pragma once
// What a service gets first: who called, where it wants to know (proxy_protocol), then the client's own bytes. The same
// for connections from a rendezvous and for direct ones.
#include <optional>
#include <string>

#include "agent/setting/config.h"
#include "common/base/bytes.h"
#include "common/crypto/sha256.h"
#include "common/wire/ids.h"

namespace fairlead::agent {

// Of a caller whose TLS ended here.
struct VerifiedCaller {
  std::string spiffe_id;
  std::string common_name;
  std::string tls_version;
  std::string alpn;
  crypto::Digest certificate{};  // SHA-256 of its DER
  bool resumed = false;
};

struct Caller {
  SocketAddress address;
  std::string sni;  // empty: none was sent
  wire::ConnectionId connection{};
  std::optional<VerifiedCaller> verified{};
};

// `target_fd` is connected to the service.
Bytes service_preamble(ProxyProtocol protocol, const Caller& caller, int target_fd, ByteView client_bytes);

}  // namespace fairlead::agent
