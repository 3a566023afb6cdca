#include "agent/service/service_preamble.h"

#include "common/net/socket.h"
#include "common/wire/proxy_protocol.h"

namespace fairlead::agent {
namespace {
const SocketAddress kLocalTarget{IpAddress::v4({127, 0, 0, 1}), 0};  // of a unix socket
}

Bytes service_preamble(ProxyProtocol protocol, const Caller& caller, int target_fd, ByteView client_bytes) {
  Bytes out;
  if (protocol != ProxyProtocol::off) {
    wire::ProxyHeader header;
    header.source = caller.address;
    header.destination = net::peer_address(target_fd).value_or(kLocalTarget);
    if (!caller.sni.empty()) header.authority = caller.sni;
    header.unique_id.assign(caller.connection.begin(), caller.connection.end());
    if (const auto& who = caller.verified) {
      header.tls = {.resumed = who->resumed,
                    .version = who->tls_version,
                    .common_name = who->common_name,
                    .alpn = who->alpn,
                    .spiffe_id = who->spiffe_id};
    }
    ByteWriter writer(out);
    const auto version = protocol == ProxyProtocol::v1 ? wire::ProxyVersion::v1 : wire::ProxyVersion::v2;
    wire::write_proxy_header(version, header, writer);
  }
  out.insert(out.end(), client_bytes.begin(), client_bytes.end());
  return out;
}

}  // namespace fairlead::agent
