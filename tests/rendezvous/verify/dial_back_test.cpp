#include "rendezvous/verify/dial_back.h"

#include "tests/common/net/rig.h"
#include "tests/common/tls/engine_pair.h"

namespace fairlead::rendezvous {
namespace {

struct DialRig {
  explicit DialRig(SocketAddress to, std::optional<IpAddress> source = std::nullopt)
      : dial(worker.poller, context, VerifyDial::liveness,
             {.address = to, .source = source, .nonce = {3}, .place = std::move(*dials.take())}, keys, rng,
             [this](bool reached) {
               verdict = reached;
               told_at = worker.loop.now();
             }) {
    began = worker.loop.now();
    dial.start();
  }
  bool judged() {
    return worker.until([&] { return verdict.has_value(); });
  }

  net::test::Worker worker;
  fairlead::test::Mesh mesh;
  tls::TlsClientContext context{mesh.client_context()};
  core::ChannelKeys keys{wire::SessionKey{1}, wire::SessionId{2}};
  SeededRng rng{1};
  Gauge dials{1};
  std::optional<bool> verdict;
  TimePoint began;
  TimePoint told_at;
  DialBack dial;
};

struct Listener {
  net::Fd fd = *net::listen_tcp(*SocketAddress::parse("127.0.0.1:0"), net::ReusePort::no);
  SocketAddress address = *net::local_address(fd.get());
};

TEST_CASE("a closed port is told no sooner than a silent one") {
  SocketAddress closed;
  {
    const Listener listener;
    closed = listener.address;
  }
  DialRig refused(closed);
  REQUIRE(refused.judged());
  CHECK(refused.verdict == false);
  CHECK(refused.told_at - refused.began >= kLivenessTimeout);
}

TEST_CASE("a dial that failed holds no place while its end is kept back") {
  SocketAddress closed;
  {
    const Listener listener;
    closed = listener.address;
  }
  DialRig refused(closed);
  REQUIRE(refused.worker.until([&] { return refused.dials.used() == 0; }));
  CHECK_FALSE(refused.verdict);
}

TEST_CASE("an open port that answers wrongly is told no sooner either") {
  const Listener listener;
  DialRig rig(listener.address);
  net::Fd peer;
  REQUIRE(rig.worker.until([&] {
    peer = net::Fd(::accept4(listener.fd.get(), nullptr, nullptr, SOCK_NONBLOCK));
    return peer.valid();
  }));
  const Bytes nonsense(64, 'x');
  REQUIRE(net::write_some(peer.get(), nonsense).has_value());
  REQUIRE(rig.judged());
  CHECK(rig.verdict == false);
  CHECK(rig.told_at - rig.began >= kLivenessTimeout);
}

TEST_CASE("who holds the session's key is reached at once, also when the source's address is gone") {
  const Listener listener;
  DialRig rig(listener.address, IpAddress::parse("198.51.100.77"));  // not ours: cannot be bound
  net::Fd peer;
  REQUIRE(rig.worker.until([&] {
    peer = net::Fd(::accept4(listener.fd.get(), nullptr, nullptr, SOCK_NONBLOCK));
    return peer.valid();
  }));
  Bytes got;
  REQUIRE(rig.worker.until([&] {
    const Bytes more = net::test::read_now(peer.get());
    got.insert(got.end(), more.begin(), more.end());
    return got.size() == wire::kVerifyRequestSize;
  }));
  const auto parsed = wire::parse_verify_request(got);
  const auto* request = std::get_if<wire::Done<wire::Signed<wire::VerifyRequest>>>(&parsed);
  REQUIRE(request != nullptr);
  const auto nonce = rig.keys.check_verify_request(request->value);
  REQUIRE(nonce.has_value());
  const Bytes answer = rig.keys.make_verify_answer(*nonce);
  REQUIRE(net::write_some(peer.get(), answer).has_value());
  REQUIRE(rig.judged());
  CHECK(rig.verdict == true);
}

}  // namespace
}  // namespace fairlead::rendezvous
