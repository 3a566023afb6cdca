// A server engine fed with whatever a stranger may send: no crash, an answer or an alert, and nobody gets in without
// a certificate. The engine's own randomness varies; what a stranger's first bytes can reach does not.
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <memory>

#include "common/base/check.h"
#include "common/crypto/system_rng.h"
#include "common/tls/tls_engine.h"
#include "rendezvous/ca/ca.h"

namespace {

using namespace fairlead;

constexpr WallTime kNow = std::chrono::sys_days{std::chrono::year{2030} / 1 / 1};

std::shared_ptr<const tls::Credentials> make_credentials() {
  std::string dir = std::filesystem::temp_directory_path() / "fairlead-fuzz-XXXXXX";
  CHECK(::mkdtemp(dir.data()) != nullptr);
  const std::filesystem::path base = dir;
  CHECK(rendezvous::ca_init({base / "ca", "mesh.test", kNow}).has_value());
  rendezvous::CaIssue request;
  request.dir = base / "ca";
  request.id = "spiffe://mesh.test/rendezvous/main";
  request.out = base / "main";
  request.now = kNow;
  const auto issued = rendezvous::ca_issue(request);
  CHECK(issued.has_value());
  auto credentials = tls::Credentials::load({issued->cert, issued->key, issued->ca});
  CHECK(credentials.has_value());
  std::filesystem::remove_all(base);
  return *credentials;
}

tls::TlsServerContext& server_context() {
  static crypto::SystemRng rng;
  static tls::TlsServerContext context({make_credentials(),
                                        {"fairlead/1"},
                                        tls::TicketKeys::in_memory(rng, kNow),
                                        [] { return kNow; },
                                        tls::ClientCertificate::required});
  return context;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto engine = tls::TlsEngine::server(server_context()).value();
  const ByteView in(data, size);
  const auto first = engine->receive(in.first(size / 2));
  const auto second = engine->receive(in.subspan(size / 2));
  CHECK(!engine->handshake_done());
  CHECK(engine->plaintext().empty());
  if (first && second) return 0;
  const auto again = engine->receive({});
  CHECK(!again && again.error().reason == (first ? second : first).error().reason);
  return 0;
}
