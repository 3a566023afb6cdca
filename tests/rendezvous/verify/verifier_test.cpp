#include "rendezvous/verify/verifier.h"

#include "common/wire/alpn.h"
#include "tests/common/net/tls_rig.h"

namespace fairlead::rendezvous {
namespace {

constexpr const char* kAgent = "spiffe://mesh.test/agent/home/nas1";

// An agent's address on loopback that answers full checks as an agent does, with its session's keys.
class AgentAddress final : public net::PollTarget, public net::TlsStreamOwner {
 public:
  AgentAddress(net::test::Worker& worker, fairlead::test::Mesh& mesh, const core::ChannelKeys& keys)
      : worker_(worker),
        keys_(keys),
        context_({.credentials = mesh.agent, .alpn = {wire::kVerifyAlpn}, .ticket_keys = {}, .clock = [&mesh] {
                    return mesh.now;
                  }}) {
    auto fd = net::listen_tcp(*SocketAddress::parse("127.0.0.1:0"), net::ReusePort::no);
    REQUIRE(fd.has_value());
    address = *net::local_address(fd->get());
    listener_ = net::PolledFd(worker.poller, std::move(*fd), *this);
  }
  SocketAddress address;
  int dials = 0;

 private:
  void on_ready(net::Readiness /*ready*/) override {
    while (true) {
      net::Fd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK));
      if (!fd.valid()) return;
      ++dials;
      auto engine = tls::TlsEngine::server(context_);
      REQUIRE(engine.has_value());
      streams_.push_back(std::make_unique<net::TlsStream>(worker_.poller, std::move(fd), std::move(*engine), *this));
      streams_.back()->start({});
    }
  }
  void on_tls_progress(net::TlsStream& stream) override {
    if (stream.plaintext().size() < wire::kVerifyRequestSize) return;
    const auto parsed = wire::parse_verify_request(stream.plaintext());
    const auto* request = std::get_if<wire::Done<wire::Signed<wire::VerifyRequest>>>(&parsed);
    REQUIRE(request != nullptr);
    const auto nonce = keys_.check_verify_request(request->value);
    stream.consumed(stream.plaintext().size());
    if (nonce) stream.write(keys_.make_verify_answer(*nonce));
  }

  net::test::Worker& worker_;
  const core::ChannelKeys& keys_;
  tls::TlsServerContext context_;
  net::PolledFd listener_;
  std::vector<std::unique_ptr<net::TlsStream>> streams_;
};

struct VerifyRig final : VerifierOwner {
  VerifyRig() {
    shared.ground.replace({.policy = {.own = {}, .any_scope = true}, .sources = {}});
    mesh.client_alpn = {wire::kVerifyAlpn};
    mesh.server = mesh.ca.credentials("rendezvous/main");
    verifier = std::make_unique<EndpointVerifier>(*this, tools, carrier, *IpAddress::parse("127.0.0.1"));
  }
  ~VerifyRig() override {
    verifier.reset();
    worker.settle();
  }
  void on_judged(std::uint32_t candidate, std::string code) override { judged.emplace_back(candidate, code); }
  void on_proof_wanted(const wire::VerifyNonce& nonce) override { wanted.push_back(nonce); }
  ProofDirectory::OnProof proof_hook() override {
    return [this](const wire::Nonce& nonce, const IpAddress& from) { verifier->on_proof(nonce, from); };
  }
  void on_direct_changed(std::vector<DirectEndpoint> endpoints) override { published = std::move(endpoints); }

  void offer(std::uint32_t number, const SocketAddress& address) { verifier->offer({number, address, "host"}); }
  bool told(std::uint32_t number, const std::string& code) {
    return worker.until([&] { return !judged.empty() && judged.back() == std::pair(number, code); });
  }
  static std::shared_ptr<AgentCarrier> make_carrier() {
    AgentCarrier::Description description;
    description.id = {1};
    description.key = {2};
    description.spiffe_id = kAgent;
    description.peer = *SocketAddress::parse("127.0.0.1:40000");
    return std::make_shared<AgentCarrier>(description, TimePoint{1h}, [] {}, [] {});
  }
  tls::TlsClientContext make_context() {
    return tls::TlsClientContext({.credentials = mesh.ca.credentials("rendezvous/main"),
                                  .alpn = {wire::kVerifyAlpn},
                                  .clock = [this] { return tls::ClockReading{mesh.now}; }});
  }

  net::test::Worker worker;
  fairlead::test::Mesh mesh;
  Limits limits;
  Gauge dials{4};
  SourceGauge dials_per_target{4};
  VerifyShared shared;
  Counters counters;
  tls::TlsClientContext context{make_context()};
  VerifyTools tools{.poller = worker.poller,
                    .context = context,
                    .limits = limits,
                    .dials = dials,
                    .dials_per_target = dials_per_target,
                    .shared = shared,
                    .counters = counters};
  std::shared_ptr<AgentCarrier> carrier = make_carrier();
  std::vector<std::pair<std::uint32_t, std::string>> judged;
  std::vector<wire::VerifyNonce> wanted;
  std::vector<DirectEndpoint> published;
  std::unique_ptr<EndpointVerifier> verifier;
};

TEST_CASE("the address that the agent is seen from: dialled, and published when it answers") {
  VerifyRig rig;
  AgentAddress agent(rig.worker, rig.mesh, rig.carrier->keys());
  rig.offer(1, agent.address);
  CHECK(rig.told(1, ""));
  REQUIRE(rig.published.size() == 1);
  CHECK(rig.published.front().state == DirectEndpoint::State::live);
  CHECK(agent.dials == 1);
  CHECK(rig.dials.used() == 0);
  rig.verifier->withdraw(1);
  CHECK(rig.published.empty());
}

TEST_CASE("another address of the agent is dialled only after it was proved from there") {
  VerifyRig rig;
  rig.offer(1, *SocketAddress::parse("127.0.0.2:40000"));
  rig.worker.settle();
  REQUIRE(rig.wanted.size() == 1);
  CHECK(rig.dials.used() == 0);
  const wire::Nonce nonce = rig.wanted.front().nonce;
  CHECK_FALSE(rig.shared.proofs.settle(nonce, "spiffe://mesh.test/agent/home/other", *IpAddress::parse("127.0.0.2")));
  CHECK(rig.shared.proofs.settle(nonce, kAgent, *IpAddress::parse("127.0.0.2")));
  CHECK(rig.dials.used() == 1);
}

TEST_CASE("a proof from elsewhere leaves the candidate unproved") {
  VerifyRig rig;
  rig.offer(1, *SocketAddress::parse("127.0.0.2:40000"));
  REQUIRE(rig.wanted.size() == 1);
  CHECK(rig.shared.proofs.settle(rig.wanted.front().nonce, kAgent, *IpAddress::parse("127.0.0.3")));
  rig.worker.settle();
  CHECK(rig.dials.used() == 0);
}

TEST_CASE("what may not be dialled is denied without a dial") {
  VerifyRig rig;
  rig.offer(1, *SocketAddress::parse("127.0.0.1:22"));
  CHECK(rig.told(1, "candidate_denied"));
  rig.shared.ground.replace({.policy = {.own = {*IpAddress::parse("203.0.113.1")}, .any_scope = false}, .sources = {}});
  rig.offer(2, *SocketAddress::parse("203.0.113.1:4000"));
  CHECK(rig.told(2, "candidate_denied"));
  CHECK(rig.dials.used() == 0);
}

TEST_CASE("an agent that tries one port after the other is stopped by its identity's limit, not by its session") {
  VerifyRig rig;
  for (std::uint16_t port = 0; port < kTargetsPerHour; ++port) {
    rig.offer(1, {*IpAddress::parse("127.0.0.1"), static_cast<std::uint16_t>(30'000 + port)});
  }
  CHECK(rig.judged.empty());
  rig.offer(1, *SocketAddress::parse("127.0.0.1:31000"));
  CHECK(rig.told(1, "verify_targets_max"));
  rig.verifier = std::make_unique<EndpointVerifier>(rig, rig.tools, rig.carrier, *IpAddress::parse("127.0.0.1"));
  rig.offer(2, *SocketAddress::parse("127.0.0.1:31001"));
  CHECK(rig.told(2, "verify_targets_max"));
}

TEST_CASE("no room for a dial: it is tried again") {
  VerifyRig rig;
  AgentAddress agent(rig.worker, rig.mesh, rig.carrier->keys());
  std::vector<GaugeToken> taken;
  while (auto token = rig.dials.take()) taken.push_back(std::move(*token));
  rig.offer(1, agent.address);
  CHECK(rig.counters.refused.get(Reason::verify_busy) == 1);
  taken.clear();
  CHECK(rig.told(1, ""));
}

}  // namespace
}  // namespace fairlead::rendezvous
