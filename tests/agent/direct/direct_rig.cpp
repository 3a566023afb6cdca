#include "tests/agent/direct/direct_rig.h"

#include <unistd.h>

#include "common/wire/tls_alert.h"

namespace fairlead::agent {

DirectRig::DirectRig(DirectLimits limits) {
  auto listening = net::listen_tcp({IpAddress::v4({127, 0, 0, 1}), 0}, net::ReusePort::no);
  REQUIRE(listening.has_value());
  service = std::move(*listening);
  listener = std::make_unique<DirectListener>(tools,
                                              DirectOptions{.listen = {{IpAddress::v4({127, 0, 0, 1}), 0}},
                                                            .name = "rig" + std::to_string(::getpid()),
                                                            .rendezvous_id = "spiffe://{trust_domain}/rendezvous/*",
                                                            .limits = limits},
                                              *this);
  REQUIRE(listener->open().has_value());
  listener->set_services({web()});
}

DirectRig::~DirectRig() {
  listener->shut_down(Reason::shutting_down);
  CHECK(tools.room.relays() == 0);
}

ConfirmedService DirectRig::web() const {
  ConfirmedService out;
  out.config.name = "web";
  out.config.target = HostPort{"127.0.0.1", net::local_address(service.get())->port};
  out.service = "web.home";
  out.endpoint = "nas1";
  out.sources = {*Cidr::parse("127.0.0.0/8")};
  return out;
}

net::Fd DirectRig::connect() const {
  auto fd = net::connect_tcp(address());
  REQUIRE(fd.has_value());
  return std::move(*fd);
}

net::Fd DirectRig::call(ByteView first_bytes) const {
  net::Fd fd = connect();  // on loopback it stands at once
  const auto put = net::write_some(fd.get(), first_bytes);
  REQUIRE(put.has_value());
  REQUIRE(put->value_or(0) == first_bytes.size());
  return fd;
}

Bytes DirectRig::read_until_closed(const net::Fd& client) {
  Bytes out;
  CHECK(worker.until([&] {
    Bytes buffer(4096);
    const auto got = net::read_some(client.get(), buffer);
    if (!got || got->value_or(1) == 0) return true;
    if (*got) out.insert(out.end(), buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(**got));
    return false;
  }));
  return out;
}

Bytes DirectRig::answer_to(ByteView first_bytes) {
  const net::Fd client = call(first_bytes);
  return read_until_closed(client);
}

net::Fd DirectRig::accept_at_service() {
  net::Fd out;
  CHECK(worker.until([&] {
    auto accepted = net::accept_connection(service.get());
    if (accepted && *accepted) out = std::move((*accepted)->fd);
    return out.valid();
  }));
  return out;
}

Bytes client_hello(std::string_view sni, const std::vector<std::string>& alpn) {
  using namespace fairlead::test;
  Bytes extensions;
  if (!sni.empty()) extensions = server_name(sni);
  Bytes protocols;
  for (const std::string& each : alpn) protocols = join({protocols, vec8(text(each))});
  if (!alpn.empty()) extensions = join({extensions, extension(16, vec16(protocols))});
  return handshake_record(hello_with(extensions));
}

Bytes alert(std::uint8_t description) {
  return wire::tls_alert(description);
}

}  // namespace fairlead::agent
