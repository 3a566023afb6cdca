// PCP as a GatewayClient: one socket per request, bound to the uplink's address, because careful gateways answer only
// what comes from the address that is to be mapped (RFC 6887 §8.1, §18.1).
#include <array>

#include "agent/nat/gateways.h"
#include "agent/nat/pcp.h"
#include "agent/nat/pending_request.h"
#include "agent/nat/udp_socket.h"
#include "agent/nat/uplinks.h"

namespace fairlead::agent::nat {
namespace {

constexpr Duration kFirstLookRetry = 250ms;  // then doubled: a look must be quick, and says nothing if it is lost
constexpr Duration kMapPatience = 10s;       // the request and two repetitions of §8.1.1

class PcpClient final : public GatewayClient, private net::PollTarget {
 public:
  PcpClient(net::Poller& poller, Rng& rng, const Uplink& uplink)
      : poller_(poller),
        uplink_(uplink),
        retransmission_(rng),
        retry_([](void* self) { static_cast<PcpClient*>(self)->on_retry(); }, this),
        deadline_([](void* self) { static_cast<PcpClient*>(self)->on_deadline(); }, this) {}

  MappingProtocol protocol() const override { return MappingProtocol::pcp; }

  void look(Duration patience, Callback<GatewayFacts> done) override {
    request_.start(std::move(done));
    message_.clear();
    ByteWriter out(message_);
    write_pcp_announce(uplink_.local, out);
    start(patience);
  }

  void map(const MapRequest& request, Callback<MapGrant> done) override {
    request_.start(std::move(done));
    ask(request);
  }

  void unmap(const MapRequest& request, Callback<MapGrant> done) override {
    request_.start(std::move(done));
    MapRequest deletion = request;
    deletion.lifetime = 0s;
    ask(deletion);
  }

  void cancel() override {
    request_.cancel();
    finish_io();
  }

 private:
  void ask(const MapRequest& request) {
    asked_ = request;
    message_.clear();
    ByteWriter out(message_);
    write_pcp_map(uplink_.local, request, out);
    start(kMapPatience);
  }

  void start(Duration patience) {
    networks_.reset();
    garbage_ = false;
    look_retry_ = kFirstLookRetry;
    retransmission_.restart();
    const TimePoint now = poller_.loop().now();
    auto socket = open_udp(uplink_);
    if (!socket) {
      trouble_ = socket.error().detail;
      poller_.loop().timers().arm(deadline_, now);
      return;
    }
    trouble_.clear();
    socket_ = net::PolledFd(poller_, std::move(*socket), *this);
    poller_.loop().timers().arm(deadline_, now + patience);
    send();
  }

  void send() {
    // A failed send is like a lost datagram: the network may come back before the deadline.
    send_datagram(socket_.get(), message_, {uplink_.gateway, kPcpPort}, uplink_.index);
    const Duration wait = request_.is_look() ? look_retry_ : retransmission_.next();
    look_retry_ *= 2;
    poller_.loop().timers().arm(retry_, poller_.loop().now() + wait);
  }

  void on_retry() { send(); }

  void on_deadline() {
    if (!trouble_.empty()) return fail({GatewayFailure::absent, trouble_});
    if (garbage_) return fail({GatewayFailure::broken, "the answer is no PCP message"});
    fail({answered_ ? GatewayFailure::late : GatewayFailure::absent, "no answer"});
  }

  void on_ready(net::Readiness) override {
    std::array<std::uint8_t, kMaxDatagram> buffer;
    Datagram datagram;
    while (true) {
      switch (receive_datagram(socket_.get(), buffer, datagram)) {
        case Received::nothing:
          return;
        case Received::unreachable:
          return fail({GatewayFailure::absent, "port unreachable"});
        case Received::datagram:
          break;
      }
      if (on_datagram(datagram) == Next::stop) return;
    }
  }

  enum class Next { listen, stop };  // stop: the request is finished, and perhaps this object

  Next on_datagram(const Datagram& datagram) {
    if (datagram.from.port != kPcpPort) return Next::listen;
    const bool from_gateway = datagram.from.ip == uplink_.gateway;
    const auto response = parse_pcp_response(datagram.bytes);
    if (!response) {
      if (!from_gateway) return Next::listen;
      if (response.error() == PcpDefect::malformed) {  // §8.3: dropped; the true answer may yet come
        garbage_ = true;
        return Next::listen;
      }
      fail({GatewayFailure::absent, "the gateway answers another version: NAT-PMP, perhaps"});
      return Next::stop;
    }
    if (!answers(*response) || (!from_gateway && !is_neighbour(datagram.from.ip))) return Next::listen;
    answered_ = true;
    request_.is_look() ? on_look_answer(*response) : on_map_answer(*response);
    return Next::stop;
  }

  // §11.4: nonce, protocol and internal port tell which request this answers.
  bool answers(const PcpResponse& response) const {
    if (request_.is_look()) return response.opcode == PcpOpcode::announce;
    if (response.opcode != PcpOpcode::map) return false;
    if (!response.mapping) return true;  // a refusal without the request's copy
    return response.mapping->nonce == asked_.nonce && response.mapping->internal_port == asked_.internal_port;
  }

  // A virtual router's address may answer from the router's own (VRRP).
  bool is_neighbour(const IpAddress& address) {
    if (!networks_) networks_ = on_link_networks(read_network(), uplink_.index);
    return is_on_link(address, uplink_, *networks_);
  }

  void on_look_answer(const PcpResponse& response) {
    const auto failure = pcp_failure(response);
    // A server without ANNOUNCE says so, and is there.
    if (failure && response.result != PcpResult::unsupp_opcode) return fail(*failure);
    finish_io();
    request_.finish(GatewayFacts{.version = "2", .epoch = response.epoch});
  }

  void on_map_answer(const PcpResponse& response) {
    if (auto failure = pcp_failure(response)) return fail(std::move(*failure));
    MapGrant grant{.external = response.mapping->external,
                   .lifetime = std::chrono::seconds(response.lifetime),
                   .epoch = response.epoch};
    if (asked_.lifetime != 0s && (response.lifetime == 0 || grant.external.port == 0)) {
      return fail({GatewayFailure::broken, "granted for no time or no port"});
    }
    finish_io();
    request_.finish(grant);
  }

  void finish_io() {
    retry_.cancel();
    deadline_.cancel();
    socket_.reset();
  }

  void fail(GatewayError error) {
    finish_io();
    request_.fail(std::move(error));
  }

  net::Poller& poller_;
  const Uplink uplink_;
  PendingRequest request_;
  MapRequest asked_;  // of map and unmap
  Bytes message_;
  std::string trouble_;    // why there is no socket
  bool garbage_ = false;   // something came that could not be read
  bool answered_ = false;  // ever
  std::optional<std::vector<Cidr>> networks_;
  Duration look_retry_{};
  PcpRetransmission retransmission_;
  net::PolledFd socket_;
  core::TimerEntry retry_;
  core::TimerEntry deadline_;
};

}  // namespace

std::unique_ptr<GatewayClient> make_pcp_client(net::Poller& poller, Rng& rng, const Uplink& uplink) {
  return std::make_unique<PcpClient>(poller, rng, uplink);
}

}  // namespace fairlead::agent::nat
