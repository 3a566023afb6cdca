// A proof over loopback; the test is the server at its end.
#include "agent/session/proof_connection.h"

#include "tests/agent/session/link_rig.h"

namespace fairlead::agent {
namespace {

const wire::VerifyNonce kNonce{.candidate = 7, .nonce = {1, 2, 3}};
const IpAddress kFrom = *IpAddress::parse("127.0.0.9");

struct Rig final : net::TlsStreamOwner {
  void start(const std::string& spiffe = "spiffe://mesh.test/rendezvous/main") {
    proof = std::make_unique<ProofConnection>(base.worker.poller, base.client_context,
                                              tls::ServerExpectation{.host = "127.0.0.1", .spiffe_patterns = {spiffe}},
                                              kNonce, [this](ProofConnection& ended) {
                                                CHECK(&ended == proof.get());
                                                ++done;
                                                base.worker.loop.retire(std::move(proof));
                                              });
    proof->start(*net::local_address(base.listener.get()), kFrom, {.memory = 5});
    CHECK(done == 0);  // never from within start()
  }
  void accept() {
    REQUIRE(base.worker.until([this] {
      auto accepted = net::accept_connection(base.listener.get());
      if (!accepted || !*accepted) return false;
      from = (*accepted)->peer;
      fd = std::move((*accepted)->fd);
      return true;
    }));
  }
  void shake_hands() {
    accept();
    auto engine = tls::TlsEngine::server(base.server_context);
    REQUIRE(engine);
    stream = std::make_unique<net::TlsStream>(base.worker.poller, std::move(fd), std::move(*engine), *this);
    stream->start({});
  }
  void on_tls_progress(net::TlsStream& at) override {
    heard.insert(heard.end(), at.plaintext().begin(), at.plaintext().end());
    at.consumed(at.plaintext().size());
  }
  bool ends() {
    return base.worker.until([this] { return done > 0; });
  }

  LinkRig base;
  net::Fd fd;
  SocketAddress from;
  std::unique_ptr<net::TlsStream> stream;
  Bytes heard;
  int done = 0;
  std::unique_ptr<ProofConnection> proof;
};

TEST_CASE("the nonce comes from the very address that is to be proved, and once") {
  Rig rig;
  rig.start();
  CHECK(rig.proof->share().memory == 5);
  rig.shake_hands();
  CHECK(rig.from.ip == kFrom);
  Bytes expected;
  ByteWriter writer(expected);
  wire::write_control_message(kNonce, writer);
  CHECK(rig.base.worker.until([&] { return rig.heard.size() >= expected.size(); }));
  rig.base.worker.settle();
  CHECK(rig.heard == expected);
  CHECK(rig.done == 0);  // the server has read it when it closes
  rig.stream.reset();
  CHECK(rig.ends());
  CHECK(rig.done == 1);
}

TEST_CASE("a server that is not the expected one hears nothing") {
  Rig rig;
  rig.start("spiffe://mesh.test/rendezvous/other");
  rig.shake_hands();
  CHECK(rig.ends());
  rig.base.worker.settle();
  CHECK(rig.heard.empty());
  CHECK(rig.done == 1);
}

TEST_CASE("a server that is not there ends it, from the loop") {
  Rig rig;
  const SocketAddress gone = *net::local_address(rig.base.listener.get());
  rig.base.listener.reset();
  rig.proof = std::make_unique<ProofConnection>(rig.base.worker.poller, rig.base.client_context,
                                                tls::ServerExpectation{}, kNonce, [&](ProofConnection&) {
                                                  ++rig.done;
                                                  rig.base.worker.loop.retire(std::move(rig.proof));
                                                });
  rig.proof->start(gone, kFrom, {});
  CHECK(rig.done == 0);
  CHECK(rig.ends());
  CHECK(rig.done == 1);
}

TEST_CASE("a server that hangs up before the handshake ends it") {
  Rig rig;
  rig.start();
  rig.accept();
  rig.fd.reset();
  CHECK(rig.ends());
  CHECK(rig.done == 1);
}

TEST_CASE("dropped, it tells nobody, and the server sees it go") {
  Rig rig;
  rig.start();
  rig.shake_hands();
  rig.proof.reset();
  CHECK(rig.base.worker.until([&] { return rig.stream->error().has_value(); }));
  CHECK(rig.done == 0);
}

}  // namespace
}  // namespace fairlead::agent
