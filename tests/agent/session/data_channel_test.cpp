#include "agent/session/data_channel.h"

#include "tests/common/net/rig.h"
#include "tests/common/wire/tls_bytes.h"

namespace fairlead::agent {
namespace {

using namespace fairlead::net::test;
using Stage = ChannelOwner::Stage;

constexpr std::uint64_t kCounter = 7;
const Bytes kHello(300, 0x16);  // whether it is a good one is not looked at before it is complete

// The session that the channel belongs to, and the rendezvous at the other end.
struct Rig final : ChannelOwner {
  Rig() {
    auto bound = net::listen_tcp(*SocketAddress::parse("127.0.0.1:0"), net::ReusePort::no);
    REQUIRE(bound);
    listener = std::move(*bound);
    service.name = "web";
  }
  void dial(const SocketAddress& rendezvous, Duration connect_timeout = 5s) {
    channel = std::make_unique<DataChannel>(
        ServiceTools{{worker.poller, worker.pipes, worker.farewells}, addresses, names, health, loops, terminations},
        *this, keys, kCounter,
        ChannelLimits{.connect_timeout = connect_timeout,
                      .target_timeout = 5s,
                      .relay = {},
                      .buffers = {},
                      .hello_max = 16 * 1024});
    channel->start(rendezvous);
    CHECK_FALSE(reason);
  }
  void start() {
    dial(*net::local_address(listener.get()));
    REQUIRE(worker.until([this] {
      if (!far.valid()) {
        if (auto accepted = net::accept_connection(listener.get()); accepted && *accepted)
          far = std::move((*accepted)->fd);
      }
      return ready && read_now(far.get()).size() == wire::kTicketSize;
    }));
  }
  // As the rendezvous writes it, without the hello.
  void send_header(const std::string& name, ByteView hello = kHello, std::uint64_t counter = kCounter) {
    header = keys->make_header({.session = {}, .counter = counter, .service = name}, hello);
    send(header.bytes);
  }
  bool ended() {
    return worker.until([this] { return reason.has_value(); });
  }
  // A target that is a service on loopback; its connection.
  net::Fd listen_as_target() {
    net::Fd fd = std::move(*net::listen_tcp(*SocketAddress::parse("127.0.0.1:0"), net::ReusePort::no));
    const SocketAddress at = *net::local_address(fd.get());
    service.target = HostPort{at.ip.to_string(), at.port};
    return fd;
  }
  net::Fd accept_at(const net::Fd& target) {
    net::Fd fd;
    CHECK(worker.until([&] {
      auto got = net::accept_connection(target.get());
      if (got && *got) fd = std::move((*got)->fd);
      return fd.valid();
    }));
    return fd;
  }
  void send(ByteView bytes) {
    REQUIRE(::send(far.get(), bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()));
  }
  // The code of the refusal that the rendezvous reads; "accepted" when it is none.
  std::string refusal() {
    Bytes heard;
    std::string code;
    CHECK(worker.until([&] {
      const Bytes more = read_now(far.get());
      heard.insert(heard.end(), more.begin(), more.end());
      const auto parsed = wire::parse_channel_answer(heard);
      const auto* done = std::get_if<wire::Done<wire::Signed<wire::ChannelAnswer>>>(&parsed);
      if (done == nullptr) return false;
      const auto answer = keys->verify_answer(done->value, header.mac);
      if (answer) code = answer->verdict == wire::Verdict::accepted ? "accepted" : answer->code;
      rest = Bytes(heard.begin() + static_cast<std::ptrdiff_t>(done->consumed), heard.end());
      return true;
    }));
    return code;
  }

  void on_channel_ready(DataChannel&) override { ready = true; }
  void on_channel_bound(DataChannel& bound) override { bound_without_share = !bound.share(); }
  const ServiceConfig* find_service(const std::string& name) override {
    return name == "web.home" ? &service : nullptr;
  }
  Result<RelayShare> take_relay(const ServiceConfig&) override {
    if (left == 0) return fail(Reason::memory_limit, "limits.memory");
    --left;
    return RelayShare{};
  }
  void on_channel_ended(DataChannel& ended, Stage stage, const net::RelayOutcome& outcome,
                        const std::string&) override {
    if (ended.share()) ++left;
    last_stage = stage;
    reason = outcome.reason;
    worker.loop.retire(std::move(channel));
  }

  Worker worker;
  core::AddressMemory addresses;
  net::Names names{worker.loop};
  TargetHealth health;
  LoopGuard loops;
  Terminations terminations;
  net::Fd listener;
  net::Fd far;
  std::shared_ptr<const core::ChannelKeys> keys =
      std::make_shared<const core::ChannelKeys>(wire::SessionKey{2}, wire::SessionId{1});
  core::SealedHeader header;
  Bytes rest;  // behind the answer
  ServiceConfig service;
  bool ready = false;
  std::optional<bool> bound_without_share;
  std::size_t left = 1;  // relays that may be taken
  std::optional<Stage> last_stage;
  std::optional<Reason> reason;
  std::unique_ptr<DataChannel> channel;
};

TEST_CASE("a channel has its share while it waits for the hello, and gives it back") {
  Rig rig;
  rig.start();
  CHECK_FALSE(rig.channel->share());
  rig.send_header("web.home");
  CHECK(rig.worker.until([&] { return rig.bound_without_share.has_value(); }));
  CHECK(rig.channel->share());
  CHECK(rig.left == 0);
  rig.far.reset();
  CHECK(rig.worker.until([&] { return rig.reason.has_value(); }));
  CHECK(rig.reason == Reason::client_closed);
  CHECK(rig.last_stage == Stage::bound);
  CHECK(rig.left == 1);
}

TEST_CASE("one for which nothing is left is refused before its hello comes") {
  Rig rig;
  rig.left = 0;
  rig.start();
  rig.send_header("web.home");
  CHECK(rig.refusal() == "memory_limit");
  CHECK(rig.reason == Reason::memory_limit);
  CHECK(rig.left == 0);
}

TEST_CASE("a service that is not ours is told as that, whatever is left") {
  Rig rig;
  rig.left = 0;
  rig.start();
  rig.send_header("mail.home");
  CHECK(rig.refusal() == "unknown_service");
}

TEST_CASE("a complete hello that is none is refused, and the share is free again") {
  Rig rig;
  rig.start();
  rig.send_header("web.home");
  rig.send(kHello);
  CHECK(rig.refusal() == "client_not_tls");
  CHECK(rig.left == 1);
}

Bytes good_hello() {
  using namespace fairlead::test;
  return handshake_record(hello_with(server_name("web.home")));
}

TEST_CASE("a rendezvous that cannot be reached: told from the loop, as a dial") {
  Rig rig;
  const SocketAddress gone = *net::local_address(rig.listener.get());
  rig.listener.reset();
  rig.dial(gone);
  CHECK(rig.ended());
  CHECK(rig.reason == Reason::connect_refused);
  CHECK(rig.last_stage == Stage::dialing);
}

TEST_CASE("a rendezvous that does not answer: within the time for it") {
  Rig rig;
  ::listen(rig.listener.get(), 0);
  const SocketAddress silent = *net::local_address(rig.listener.get());
  std::vector<net::Fd> fillers;
  for (int i = 0; i < 2; ++i) fillers.push_back(std::move(*net::connect_tcp(silent)));
  rig.dial(silent, 100ms);
  CHECK(rig.ended());
  CHECK(rig.reason == Reason::connect_timeout);
  CHECK(rig.last_stage == Stage::dialing);
}

TEST_CASE("a ready channel that the rendezvous closes has died") {
  Rig rig;
  rig.start();
  rig.far.reset();
  CHECK(rig.ended());
  CHECK(rig.reason == Reason::channel_died);
  CHECK(rig.last_stage == Stage::ready);
}

TEST_CASE("headers that are not for this channel end it before anybody hears of them") {
  for (const int what : {0, 1, 2}) {
    Rig rig;
    rig.start();
    if (what == 0) rig.send_header("web.home", kHello, kCounter + 1);  // of another channel
    if (what == 1) rig.send(Bytes(200, 0xff));
    if (what == 2) {
      Bytes forged = rig.keys->make_header({.counter = kCounter, .service = "web.home"}, kHello).bytes;
      forged.back() ^= 1;
      rig.send(forged);
    }
    CHECK(rig.ended());
    CHECK(rig.last_stage == Stage::ready);
    CHECK_FALSE(rig.bound_without_share);
  }
}

TEST_CASE("a hello that is not the header's ends it without an answer") {
  Rig rig;
  rig.start();
  rig.send_header("web.home");
  Bytes other = kHello;
  other.back() ^= 1;
  rig.send(other);
  CHECK(rig.ended());
  CHECK(rig.reason == Reason::hello_tampered);
  CHECK(rig.left == 1);
}

TEST_CASE("accepted: the answer, then the service's words; the service gets the client's") {
  Rig rig;
  const net::Fd target = rig.listen_as_target();
  rig.start();
  rig.send_header("web.home", good_hello());
  rig.send(good_hello());
  const net::Fd service = rig.accept_at(target);
  Bytes heard;
  CHECK(rig.worker.until([&] {
    const Bytes more = read_now(service.get());
    heard.insert(heard.end(), more.begin(), more.end());
    return heard.size() >= good_hello().size();
  }));
  CHECK(heard == good_hello());
  const Bytes hello = server_hello();
  REQUIRE(net::write_some(service.get(), hello).value() == hello.size());
  CHECK(rig.refusal() == "accepted");
  CHECK(rig.worker.until([&] {
    const Bytes more = read_now(rig.far.get());
    rig.rest.insert(rig.rest.end(), more.begin(), more.end());
    return rig.rest.size() >= hello.size();
  }));
  CHECK(rig.rest == hello);
  rig.channel->keep_alive(60s);
  rig.channel->close(Reason::shutting_down);
  CHECK(rig.reason == Reason::shutting_down);
  CHECK(rig.last_stage == Stage::bound);
  CHECK(rig.left == 1);
}

TEST_CASE("a target that is not there: refused with its reason") {
  Rig rig;
  rig.listen_as_target().reset();
  rig.start();
  rig.send_header("web.home", good_hello());
  rig.send(good_hello());
  CHECK(rig.refusal() == "target_refused");
  CHECK(rig.reason == Reason::target_refused);
  CHECK(rig.health.find("web", rig.worker.loop.now())->refused == 1);
  CHECK(rig.left == 1);
}

TEST_CASE("closed while the target is dialled: the rendezvous may try another endpoint") {
  Rig rig;
  const net::Fd target = rig.listen_as_target();
  ::listen(target.get(), 0);
  std::vector<net::Fd> fillers;
  for (int i = 0; i < 2; ++i) fillers.push_back(std::move(*net::connect_tcp(*net::local_address(target.get()))));
  rig.start();
  rig.send_header("web.home", good_hello());
  rig.send(good_hello());
  rig.worker.settle();
  CHECK_FALSE(rig.reason);
  rig.channel->close(Reason::shutting_down);
  CHECK(rig.refusal() == "shutting_down");
  CHECK(rig.left == 1);
}

TEST_CASE("a ready channel is closed without a word, a destroyed one tells nobody") {
  Rig rig;
  rig.start();
  rig.channel->close(Reason::session_ended);
  CHECK(rig.reason == Reason::session_ended);
  CHECK(rig.last_stage == Stage::ready);
  rig.reason.reset();
  rig.ready = false;
  rig.far.reset();
  rig.start();
  rig.channel.reset();
  rig.worker.settle();
  CHECK_FALSE(rig.reason);
}

}  // namespace
}  // namespace fairlead::agent
