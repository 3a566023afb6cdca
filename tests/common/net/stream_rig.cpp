#include "tests/common/net/stream_rig.h"

#include <algorithm>

namespace fairlead::net::test {
namespace {

std::unique_ptr<ByteStream> over_socket(Worker& worker, Fd fd) {
  struct Nobody final : PollTarget {
    void on_ready(Readiness) override {}
  } nobody;
  return std::make_unique<SocketStream>(PolledFd(worker.poller, std::move(fd), nobody));
}

}  // namespace

StreamPair stream_pair(Worker& worker, Kind kind) {
  if (kind == Kind::tcp) {
    SocketPair sockets = tcp_pair();
    return {over_socket(worker, std::move(sockets.near)), over_socket(worker, std::move(sockets.far))};
  }
  const auto up = std::make_shared<ToyPipe>();
  const auto down = std::make_shared<ToyPipe>();
  return {std::make_unique<ToyStream>(worker.loop, down, up), std::make_unique<ToyStream>(worker.loop, up, down)};
}

void StreamPeer::pump() {
  if (!stream) return;
  if (sent < to_send) {
    const std::uint64_t piece = std::min<std::uint64_t>(to_send - sent, 1 + rng_.below(30'000));
    sent += stream->write(out_.at(sent, static_cast<std::size_t>(piece)));
  } else if (then_shut_down && !shut_) {
    shut_ = true;
    stream->shut_down();
  }
  if (!reads || outcome) return;
  Bytes room(1 + rng_.below(30'000));
  const StreamRead got = stream->read(room);
  if (got.kind == StreamRead::Kind::bytes) {
    intact = intact && in_.matches(received, ByteView(room).first(got.count));
    received += got.count;
  } else if (got.kind != StreamRead::Kind::nothing) {
    outcome = got.kind;
  }
}

StreamRig::StreamRig(Worker& on, Setup setup)
    : worker(on),
      client_pair(stream_pair(on, setup.client)),
      service_pair(stream_pair(on, setup.service)),
      client(std::move(client_pair.far), upward, downward, 3),
      service(std::move(service_pair.far), downward, upward, 4) {
  relay = std::make_unique<StreamRelay>(StreamRelayTools{worker.loop, worker.pipes},
                                        StreamEnds{.client = std::move(client_pair.near),
                                                   .service = std::move(service_pair.near),
                                                   .to_service = std::move(setup.to_service),
                                                   .to_client = std::move(setup.to_client),
                                                   .to_client_prefix = std::move(setup.to_client_prefix)},
                                        setup.limits, *this);
}

void StreamRig::on_stream_relay_ended(StreamRelay& ended, const RelayOutcome& how) {
  CHECK(&ended == relay.get());
  CHECK_FALSE(outcome.has_value());
  outcome = how;
  worker.loop.retire(std::move(relay));
}

bool StreamRig::until(const std::function<bool()>& condition, Duration limit) {
  return worker.until(
      [&] {
        for (int i = 0; i < 16; ++i) {
          client.pump();
          service.pump();
        }
        if (relay) most_memory = std::max(most_memory, relay->memory());
        return condition();
      },
      limit);
}

Reason StreamRig::reason() {
  CHECK(until([&] { return outcome.has_value(); }));
  return outcome ? outcome->reason : Reason::internal;
}

void StreamRig::greet() {
  service.send_all(server_hello().size());
  REQUIRE(until([&] { return client.received == service.to_send; }));
}

}  // namespace fairlead::net::test
