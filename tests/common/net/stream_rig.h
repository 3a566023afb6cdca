#pragma once
// One StreamRelay between two pairs of streams, each of a toy transport or of sockets, and what its owner heard.
#include <optional>

#include "common/base/random.h"
#include "common/net/socket_stream.h"
#include "common/net/stream_relay.h"
#include "tests/common/net/rig.h"
#include "tests/common/net/toy_stream.h"

namespace fairlead::net::test {

enum class Kind { toy, tcp };
struct StreamPair {
  std::unique_ptr<ByteStream> near;
  std::unique_ptr<ByteStream> far;
};
StreamPair stream_pair(Worker& worker, Kind kind);

// The far end of a stream: sends and checks patterns, in pieces of random size.
class StreamPeer {
 public:
  StreamPeer(std::unique_ptr<ByteStream> end, const Pattern& sends, const Pattern& expects, std::uint64_t seed)
      : stream(std::move(end)), out_(sends), in_(expects), rng_(seed) {}
  void pump();
  void send_all(std::uint64_t total) { to_send = sent + total; }

  std::unique_ptr<ByteStream> stream;
  std::uint64_t to_send = 0;
  bool then_shut_down = false;
  bool reads = true;
  std::uint64_t sent = 0;
  std::uint64_t received = 0;
  bool intact = true;
  std::optional<StreamRead::Kind> outcome;  // end or aborted, once seen

 private:
  const Pattern& out_;
  const Pattern& in_;
  SeededRng rng_;
  bool shut_ = false;
};

struct StreamRig final : StreamRelayOwner {
  struct Setup {
    Kind client = Kind::toy;
    Kind service = Kind::toy;
    RelayLimits limits{};
    Bytes to_service{};
    Bytes to_client{};
    Bytes to_client_prefix{};
  };
  StreamRig(Worker& on, Setup setup);
  void on_stream_relay_ended(StreamRelay& ended, const RelayOutcome& how) override;
  StreamPeer& peer(core::Side side) { return side == core::Side::client ? client : service; }
  [[nodiscard]] bool until(const std::function<bool()>& condition, Duration limit = 20s);
  Reason reason();
  // The service has said its hello and the client has it.
  void greet();

  Worker& worker;
  Pattern upward{1};
  Pattern downward{2, server_hello()};
  StreamPair client_pair;
  StreamPair service_pair;
  StreamPeer client;
  StreamPeer service;
  std::unique_ptr<StreamRelay> relay;
  std::optional<RelayOutcome> outcome;
  std::size_t most_memory = 0;
};

}  // namespace fairlead::net::test
