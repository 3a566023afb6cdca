#include "agent/session/data_channel.h"

#include "tests/common/net/rig.h"

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
  void start() {
    channel = std::make_unique<DataChannel>(
        ServiceTools{{worker.poller, worker.pipes, worker.farewells}, addresses, names, health, loops}, *this, keys,
        kCounter,
        ChannelLimits{.connect_timeout = 5s, .target_timeout = 5s, .relay = {}, .buffers = {}, .hello_max = 16 * 1024});
    channel->start(*net::local_address(listener.get()));
    REQUIRE(worker.until([this] {
      if (!far.valid()) {
        if (auto accepted = net::accept_connection(listener.get()); accepted && *accepted)
          far = std::move((*accepted)->fd);
      }
      return ready && read_now(far.get()).size() == wire::kTicketSize;
    }));
  }
  // As the rendezvous writes it, without the hello.
  void send_header(const std::string& name) {
    header = keys->make_header({.session = {}, .counter = kCounter, .service = name}, kHello);
    send(header.bytes);
  }
  void send(ByteView bytes) {
    REQUIRE(::send(far.get(), bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()));
  }
  // The code of the refusal that the rendezvous reads.
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
      if (answer) code = answer->code;
      return true;
    }));
    return code;
  }

  void on_channel_ready(DataChannel&) override { ready = true; }
  void on_channel_bound(DataChannel& bound) override { bound_without_share = !bound.share(); }
  const ServiceConfig* find_service(const std::string& name) override {
    return name == "web.home" ? &service : nullptr;
  }
  Result<RelayShare> take_relay() override {
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
  net::Fd listener;
  net::Fd far;
  std::shared_ptr<const core::ChannelKeys> keys =
      std::make_shared<const core::ChannelKeys>(wire::SessionKey{2}, wire::SessionId{1});
  core::SealedHeader header;
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

}  // namespace
}  // namespace fairlead::agent
