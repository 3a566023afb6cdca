#pragma once
// Two TLS engines that talk through memory, over a throw-away CA and a clock that tests set.
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/tls/tls_engine.h"
#include "tests/support/test_ca.h"

namespace fairlead::test {

// What both sides of the tests start from; tests change what they are about before they connect.
struct Mesh {
  TestCa ca;
  WallTime now = kTestNow;
  std::optional<tls::ClockReading> client_now;  // where the client's clock is another one
  std::shared_ptr<const tls::Credentials> server =
      ca.credentials("rendezvous/main",
                     {.dns_names = {"rv.example.com", "*.wild.example"}, .ip_addresses = {"192.0.2.1", "2001:db8::1"}});
  std::shared_ptr<const tls::Credentials> agent = ca.credentials("agent/home/nas1");
  std::vector<std::string> server_alpn = {"fairlead/1", "fairlead-verify/1"};
  std::vector<std::string> client_alpn = {"fairlead/1"};
  std::shared_ptr<tls::TicketKeys> ticket_keys;
  tls::ClientCertificate client_certificate = tls::ClientCertificate::required;
  tls::Profile profile = tls::Profile::session;
  tls::ClientRule allow;
  tls::ServerExpectation expected = {"rv.example.com", {"spiffe://{trust_domain}/rendezvous/*"}};
  Bytes saved_session;

  tls::TlsServerContext server_context();
  tls::TlsClientContext client_context();
};

struct EnginePair {
  // Contexts are dropped at once: engines keep what they need.
  explicit EnginePair(Mesh& mesh);

  // Moves bytes both ways, at most `chunk` at a time, until nothing moves. Errors are kept, first one per side.
  void run(std::size_t chunk = SIZE_MAX);
  bool ready() const { return client->handshake_done() && server->handshake_done(); }

  std::unique_ptr<tls::TlsEngine> server;
  std::unique_ptr<tls::TlsEngine> client;
  std::optional<Error> server_error;
  std::optional<Error> client_error;
};

// Takes and removes what waits decrypted.
std::string take_text(tls::TlsEngine& engine);
// Moves what `from` has to send into `to`; false when there was nothing.
bool move_output(tls::TlsEngine& from, tls::TlsEngine& to, std::size_t chunk, std::optional<Error>& error);

}  // namespace fairlead::test
