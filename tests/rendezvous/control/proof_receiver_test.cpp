#include "rendezvous/control/proof_receiver.h"

#include "tests/rendezvous/control/control_rig.h"

namespace fairlead::rendezvous {
namespace {

constexpr const char* kAgent = "spiffe://mesh.test/agent/home/nas1";

struct ProofRig final : ProofOwner {
  explicit ProofRig(Duration patience = 20s) {
    REQUIRE(worker.until([&] { return ends.shaken(); }));
    receiver =
        std::make_unique<ProofReceiver>(tools, Guest{std::move(ends.server), kAgentPeer}, worker.loop.now() + patience);
    receiver->start();
  }
  ~ProofRig() override {
    if (receiver) receiver->close();
    worker.settle();
  }
  void on_proof_over(ProofReceiver& over) override {
    CHECK(&over == receiver.get());
    worker.loop.retire(std::move(receiver));
  }
  void say(const wire::ControlMessage& message) {
    ends.client->write(fairlead::test::written(message));
    REQUIRE(worker.until([&] { return receiver == nullptr; }));
  }
  void expect(const wire::Nonce& nonce, const std::string& spiffe_id) {
    proofs.expect(nonce, spiffe_id, [this](const wire::Nonce&, const IpAddress& from) { proved_from = from; });
  }

  net::test::Worker worker;
  fairlead::test::Mesh mesh;
  TlsEnds ends{worker, mesh};
  ProofDirectory proofs;
  Counters counters;
  AccessLines access_log{AccessLog::off};
  ProofTools tools{worker.loop, proofs, counters, access_log, *this};
  std::unique_ptr<ProofReceiver> receiver;
  std::optional<IpAddress> proved_from;
};

TEST_CASE("a nonce of that identity proves the address that it came from") {
  ProofRig rig;
  rig.expect({1}, kAgent);
  rig.say(wire::VerifyNonce{5, {1}});
  CHECK(rig.proved_from == kAgentPeer.ip);
  CHECK(rig.counters.refused.get(Reason::verify_forged) == 0);
}

TEST_CASE("nobody waits for it, or it is another's") {
  ProofRig rig;
  rig.expect({1}, "spiffe://mesh.test/agent/home/other");
  rig.say(wire::VerifyNonce{5, {1}});
  CHECK_FALSE(rig.proved_from.has_value());
  CHECK(rig.counters.refused.get(Reason::verify_forged) == 1);
}

TEST_CASE("another message, and none in time") {
  ProofRig rig;
  rig.say(wire::Ping{1});
  CHECK(rig.counters.refused.get(Reason::protocol_error) == 1);
  ProofRig silent(20ms);
  REQUIRE(silent.worker.until([&] { return silent.receiver == nullptr; }));
  CHECK(silent.counters.refused.get(Reason::handshake_timeout) == 1);
}

TEST_CASE("who leaves in order without a word is no fault") {
  ProofRig rig;
  rig.ends.client->finish();
  REQUIRE(rig.worker.until([&] { return rig.receiver == nullptr; }));
  CHECK(rig.counters.refused.get(Reason::connection_lost) == 0);
}

}  // namespace
}  // namespace fairlead::rendezvous
