#include "agent/direct/verify_responder.h"

#include "common/wire/verify.h"
#include "tests/agent/direct/direct_rig.h"
#include "tests/support/test_ca.h"

namespace fairlead::agent {
namespace {

using test::kTestNow;

const wire::Nonce kNonce{7, 7, 7};

bool is_good_answer(const core::ChannelKeys& keys, ByteView bytes) {
  const auto parsed = wire::parse_verify_answer(bytes);
  const auto* done = std::get_if<wire::Done<wire::VerifyAnswer>>(&parsed);
  return done != nullptr && done->consumed == bytes.size() && keys.check_verify_answer(done->value, kNonce).has_value();
}

TEST_CASE("liveness: the session's own rendezvous is answered") {
  DirectRig rig;
  CHECK(is_good_answer(*rig.keys, rig.answer_to(rig.keys->make_verify_request(kNonce))));
  CHECK(rig.refused(Reason::verify_forged) == 0);
}

TEST_CASE("liveness: nobody else gets a byte") {
  DirectRig rig;
  const Bytes good = rig.keys->make_verify_request(kNonce);
  std::uint64_t forged = 0;
  for (const std::size_t at : {5u, 20u, 21u, 36u, 37u, 68u}) {  // session, nonce, MAC
    Bytes wrong = good;
    wrong[at] ^= 1;
    CHECK(rig.answer_to(wrong).empty());
    CHECK(rig.refused(Reason::verify_forged) == ++forged);
  }
  const core::ChannelKeys other_key(wire::SessionKey{2}, kSession);
  CHECK(rig.answer_to(other_key.make_verify_request(kNonce)).empty());
  const core::ChannelKeys other_session(wire::SessionKey{1}, wire::SessionId{6});
  CHECK(rig.answer_to(other_session.make_verify_request(kNonce)).empty());
  CHECK(rig.refused(Reason::verify_forged) == forged + 2);

  Bytes longer = good;
  longer.push_back(0);
  CHECK(rig.answer_to(longer).empty());
  Bytes version = good;
  version[4] = 9;
  CHECK(rig.answer_to(version).empty());
  CHECK(rig.refused(Reason::verify_malformed) == 2);
}

// A rendezvous's side of one full check.
struct Checker final : net::TlsStreamOwner {
  Checker(DirectRig& on, std::shared_ptr<const tls::Credentials> credentials, std::vector<std::string> alpn, Bytes asks)
      : rig(on), request(std::move(asks)) {
    tls::TlsClientContext context({std::move(credentials), std::move(alpn), [] { return kTestNow; }});
    auto engine =
        tls::TlsEngine::client(context, {.host = "", .spiffe_patterns = {"spiffe://mesh.test/agent/home/nas1"}}, {});
    REQUIRE(engine.has_value());
    stream = std::make_unique<net::TlsStream>(rig.worker.poller, rig.connect(), std::move(*engine), *this);
    stream->start({});
  }
  void on_tls_progress(net::TlsStream& progressed) override {
    if (!asked && progressed.handshake_done() && !progressed.error()) {
      asked = true;
      if (!request.empty()) progressed.write(request);
    }
    answer.insert(answer.end(), progressed.plaintext().begin(), progressed.plaintext().end());
    progressed.consumed(progressed.plaintext().size());
    ended = progressed.error().has_value();
  }
  bool wait() {
    return rig.worker.until([&] { return ended; });
  }

  DirectRig& rig;
  Bytes request;
  Bytes answer;
  bool asked = false;
  bool ended = false;
  std::unique_ptr<net::TlsStream> stream;
};

struct Mesh {
  explicit Mesh(DirectRig& rig) {
    rig.listener->replace_credentials(agent, [] { return kTestNow; });
  }

  test::TestCa ca;
  std::shared_ptr<const tls::Credentials> agent = ca.credentials("agent/home/nas1");
  std::shared_ptr<const tls::Credentials> rendezvous = ca.credentials("rendezvous/main");
};

const std::vector<std::string> kAlpn = {wire::kVerifyAlpn};

TEST_CASE("full check: mutual TLS, a rendezvous's identity and the session's nonce") {
  DirectRig rig;
  const Mesh mesh(rig);
  Checker checker(rig, mesh.rendezvous, kAlpn, rig.keys->make_verify_request(kNonce));
  REQUIRE(checker.wait());
  CHECK(is_good_answer(*rig.keys, checker.answer));
  CHECK(checker.stream->error()->reason == Reason::completed);  // closed in order
  checker.stream.reset();
  rig.worker.settle();
  for (const Reason reason : {Reason::verify_forged, Reason::handshake_failed, Reason::connection_lost}) {
    CHECK(rig.refused(reason) == 0);
  }
}

TEST_CASE("full check: other identities of the mesh, and strangers, get nothing") {
  DirectRig rig;
  Mesh mesh(rig);
  const Bytes request = rig.keys->make_verify_request(kNonce);
  Checker agent(rig, mesh.ca.credentials("agent/home/nas2"), kAlpn, request);
  REQUIRE(agent.wait());
  CHECK(agent.answer.empty());
  CHECK(rig.refused(Reason::certificate_identity) == 1);

  test::TestCa elsewhere;
  Checker stranger(rig, elsewhere.credentials("rendezvous/main"), kAlpn, request);
  REQUIRE(stranger.wait());
  CHECK(stranger.answer.empty());
  CHECK(rig.worker.until(
      [&] { return rig.refused(Reason::certificate_untrusted) + rig.refused(Reason::handshake_failed) == 1; }));
}

TEST_CASE("full check: a request that is wrong inside is not answered") {
  DirectRig rig;
  const Mesh mesh(rig);
  Bytes forged = rig.keys->make_verify_request(kNonce);
  forged.back() ^= 1;
  Checker liar(rig, mesh.rendezvous, kAlpn, forged);
  REQUIRE(liar.wait());
  CHECK(liar.answer.empty());
  CHECK(rig.refused(Reason::verify_forged) == 1);

  Checker garbled(rig, mesh.rendezvous, kAlpn, Bytes{'h', 'i'});
  REQUIRE(garbled.wait());
  CHECK(garbled.answer.empty());
  Bytes twice = rig.keys->make_verify_request(kNonce);
  twice.push_back(0);
  Checker longer(rig, mesh.rendezvous, kAlpn, twice);
  REQUIRE(longer.wait());
  CHECK(longer.answer.empty());
  CHECK(rig.refused(Reason::verify_malformed) == 2);
}

TEST_CASE("full checks are bounded in time, number and rate") {
  SUBCASE("time") {
    DirectRig rig({.verify = {.timeout = 100ms}});
    const Mesh mesh(rig);
    Checker silent(rig, mesh.rendezvous, kAlpn, {});
    REQUIRE(silent.wait());
    CHECK(rig.refused(Reason::handshake_timeout) == 1);
  }
  SUBCASE("number") {
    DirectRig rig({.verify = {.at_a_time = 1}});
    const Mesh mesh(rig);
    Checker silent(rig, mesh.rendezvous, kAlpn, {});
    CHECK(rig.worker.until([&] { return silent.asked; }));
    Checker second(rig, mesh.rendezvous, kAlpn, rig.keys->make_verify_request(kNonce));
    REQUIRE(second.wait());
    CHECK(second.answer.empty());
    CHECK(rig.refused(Reason::verify_busy) == 1);
  }
  SUBCASE("rate") {
    DirectRig rig({.verify = {.burst = 1, .per_second = 0.001}});
    const Mesh mesh(rig);
    Checker first(rig, mesh.rendezvous, kAlpn, rig.keys->make_verify_request(kNonce));
    REQUIRE(first.wait());
    CHECK(is_good_answer(*rig.keys, first.answer));
    Checker second(rig, mesh.rendezvous, kAlpn, rig.keys->make_verify_request(kNonce));
    REQUIRE(second.wait());
    CHECK(rig.refused(Reason::verify_busy) == 1);
  }
  SUBCASE("no identity yet") {
    DirectRig rig;
    test::TestCa ca;
    Checker early(rig, ca.credentials("rendezvous/main"), kAlpn, {});
    REQUIRE(early.wait());
    CHECK(rig.refused(Reason::verify_busy) == 1);
  }
}

TEST_CASE("a new identity counts from the next check on") {
  DirectRig rig;
  Mesh mesh(rig);
  test::TestCa other;
  rig.listener->replace_credentials(other.credentials("agent/home/nas1"), [] { return kTestNow; });
  Checker old_world(rig, mesh.rendezvous, kAlpn, rig.keys->make_verify_request(kNonce));
  REQUIRE(old_world.wait());
  CHECK(old_world.answer.empty());
  Checker fresh(rig, other.credentials("rendezvous/main"), kAlpn, rig.keys->make_verify_request(kNonce));
  REQUIRE(fresh.wait());
  CHECK(is_good_answer(*rig.keys, fresh.answer));
}

}  // namespace
}  // namespace fairlead::agent
