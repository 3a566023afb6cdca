// NAT-PMP (RFC 6886) as a GatewayClient, by libnatpmp. The library builds, repeats and reads; what it leaves open is
// done here: it does not bind its socket, reads datagrams without asking how long they are, does not compare an answer
// with its request, and goes on for 128 s against a gateway that is silent.
#include <fcntl.h>
#include <fmt/format.h>
#include <natpmp.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "agent/nat/gateways.h"
#include "agent/nat/pending_request.h"
#include "agent/nat/udp_socket.h"
#include "common/base/check.h"

namespace fairlead::agent::nat {
namespace {

constexpr Duration kMapPatience = 7s;       // 250 ms doubled (§3.1): five tries
constexpr Duration kShortestRetry = 10ms;   // the library counts by the time of day, and may be off by a little
constexpr std::size_t kAddressAnswer = 12;  // §3.2
constexpr std::size_t kMappingAnswer = 16;  // §3.3
constexpr std::size_t kShortestAnswer = 8;  // version, opcode, result, epoch

sockaddr_in ipv4_endpoint(const IpAddress& ip, std::uint16_t port) {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_port = htons(port);
  std::memcpy(&out.sin_addr, ip.bytes().data(), sizeof out.sin_addr);
  return out;
}

GatewayError error_of(int code) {
  switch (code) {
    case NATPMP_ERR_NOGATEWAYSUPPORT:
      return {GatewayFailure::absent, "no answer, or port unreachable"};
    case NATPMP_ERR_UNSUPPORTEDVERSION:
      return {GatewayFailure::absent, "the gateway answers another version"};
    case NATPMP_ERR_UNSUPPORTEDOPCODE:
      return {GatewayFailure::unsupported, "NAT-PMP result: unsupported opcode"};
    case NATPMP_ERR_NOTAUTHORIZED:
      return {GatewayFailure::refused, "NAT-PMP result 2: not authorized"};
    case NATPMP_ERR_NETWORKFAILURE:
      return {GatewayFailure::wan_down, "NAT-PMP result 3: network failure"};
    case NATPMP_ERR_OUTOFRESOURCES:
      return {GatewayFailure::exhausted, "NAT-PMP result 4: out of resources"};
    case NATPMP_ERR_RECVFROM:
    case NATPMP_ERR_SENDERR:
      return {GatewayFailure::absent, "the network is unreachable"};
    default:
      return {GatewayFailure::broken, fmt::format("libnatpmp error {}", code)};
  }
}

class NatPmpClient final : public GatewayClient, private net::PollTarget {
 public:
  NatPmpClient(net::Poller& poller, const Uplink& uplink)
      : poller_(poller),
        uplink_(uplink),
        retry_([](void* self) { static_cast<NatPmpClient*>(self)->read(); }, this),
        deadline_([](void* self) { static_cast<NatPmpClient*>(self)->on_deadline(); }, this) {
    CHECK(uplink.local.is_v4());
  }

  MappingProtocol protocol() const override { return MappingProtocol::nat_pmp; }

  void look(Duration patience, Callback<GatewayFacts> done) override {
    request_.start(std::move(done));
    if (open(patience)) send_address_request();
  }

  void map(const MapRequest& request, Callback<MapGrant> done) override {
    request_.start(std::move(done));
    asked_ = request;
    if (open(kMapPatience)) send_mapping_request();
  }

  void unmap(const MapRequest& request, Callback<MapGrant> done) override {
    MapRequest deletion = request;
    deletion.lifetime = 0s;
    map(deletion, std::move(done));
  }

  void cancel() override {
    request_.cancel();
    finish_io();
  }

 private:
  enum class Asking { address, mapping };

  // False: the request will fail by the deadline timer, which is due at once.
  bool open(Duration patience) {
    granted_.reset();
    garbage_ = false;
    const TimePoint now = poller_.loop().now();
    const sockaddr_in gateway = ipv4_endpoint(uplink_.gateway, NATPMP_PORT);
    auto socket = open_udp(uplink_);
    natpmp_ = {};
    if (!socket || initnatpmp(&natpmp_, 1, gateway.sin_addr.s_addr) != 0) {
      trouble_ = socket ? "cannot open a socket" : socket.error().detail;
      poller_.loop().timers().arm(deadline_, now);
      return false;
    }
    // Ours under the library's number: bound to the uplink, and connected, as the library sends without an address.
    const bool usable = ::connect(socket->get(), reinterpret_cast<const sockaddr*>(&gateway), sizeof gateway) == 0 &&
                        ::dup3(socket->get(), natpmp_.s, O_CLOEXEC) >= 0;
    net::Fd library_socket(natpmp_.s);
    if (!usable) {
      trouble_ = "cannot reach the gateway's network";
      poller_.loop().timers().arm(deadline_, now);
      return false;
    }
    trouble_.clear();
    socket_ = net::PolledFd(poller_, std::move(library_socket), *this);
    poller_.loop().timers().arm(deadline_, now + patience);
    return true;
  }

  void send_address_request() {
    asking_ = Asking::address;
    sendpublicaddressrequest(&natpmp_);  // a failed send is like a lost datagram
    arm_retry();
  }

  void send_mapping_request() {
    asking_ = Asking::mapping;
    const bool deletes = asked_.lifetime == 0s;  // §3.4: then the external port is zero too
    sendnewportmappingrequest(&natpmp_, NATPMP_PROTOCOL_TCP, asked_.internal_port,
                              deletes ? std::uint16_t{0} : asked_.external.port,
                              static_cast<std::uint32_t>(asked_.lifetime.count()));
    arm_retry();
  }

  void arm_retry() {
    timeval left{};
    getnatpmprequesttimeout(&natpmp_, &left);
    const Duration wait = std::chrono::seconds(left.tv_sec) + std::chrono::microseconds(left.tv_usec);
    poller_.loop().timers().arm(retry_, poller_.loop().now() + std::clamp(wait, kShortestRetry, kMapPatience));
  }

  void on_ready(net::Readiness) override { read(); }

  void on_deadline() {
    if (!trouble_.empty()) return fail({GatewayFailure::absent, trouble_});
    // The mapping is there, but the gateway does not say at which address: the port alone is worth keeping.
    if (granted_) return finish_map(IpAddress());
    if (garbage_) return fail({GatewayFailure::broken, "the answer is no NAT-PMP message"});
    fail({answered_ ? GatewayFailure::late : GatewayFailure::absent, "no answer"});
  }

  void read() {
    while (true) {
      if (!drop_short_datagrams()) return on_error(NATPMP_ERR_NOGATEWAYSUPPORT);
      natpmpresp_t answer{};
      const int code = readnatpmpresponseorretry(&natpmp_, &answer);
      if (code == NATPMP_TRYAGAIN) return arm_retry();
      if (code == 0 && !is_wanted(answer)) {
        natpmp_.has_pending_request = 1;  // the library takes any answer for the one
        continue;
      }
      if (code != NATPMP_ERR_NOGATEWAYSUPPORT && code != NATPMP_ERR_RECVFROM && code != NATPMP_ERR_SENDERR) {
        answered_ = true;
      }
      return code == 0 ? on_answer(answer) : on_error(code);
    }
  }

  // The library reads fields without asking whether the datagram is long enough for them. False: an ICMP error came,
  // which looking has taken from the socket.
  bool drop_short_datagrams() {
    std::array<std::uint8_t, kMappingAnswer> head{};
    while (true) {
      const ssize_t size = ::recv(socket_.get(), head.data(), head.size(), MSG_PEEK | MSG_DONTWAIT);
      if (size < 0 && errno == EINTR) continue;
      if (size < 0) return errno == EAGAIN || errno == EWOULDBLOCK;
      const bool failure = size >= 4 && (head[2] != 0 || head[3] != 0);
      const std::size_t least = failure                      ? kShortestAnswer
                                : asking_ == Asking::address ? kAddressAnswer
                                                             : kMappingAnswer;
      if (static_cast<std::size_t>(size) >= least) return true;
      garbage_ = true;
      ::recv(socket_.get(), head.data(), head.size(), MSG_DONTWAIT);
    }
  }

  bool is_wanted(const natpmpresp_t& answer) const {
    if (asking_ == Asking::address) return answer.type == NATPMP_RESPTYPE_PUBLICADDRESS;
    return answer.type == NATPMP_RESPTYPE_TCPPORTMAPPING &&
           answer.pnu.newportmapping.privateport == asked_.internal_port;
  }

  void on_answer(const natpmpresp_t& answer) {
    if (asking_ == Asking::address) {
      std::array<std::uint8_t, 4> bytes{};
      std::memcpy(bytes.data(), &answer.pnu.publicaddress.addr, bytes.size());
      const IpAddress external = IpAddress::v4(bytes);
      if (granted_) return finish_map(external);
      finish_io();
      return request_.finish(GatewayFacts{.version = "0", .external = external, .epoch = answer.epoch});
    }
    const auto& mapping = answer.pnu.newportmapping;
    granted_ = MapGrant{.external = {IpAddress(), mapping.mappedpublicport},
                        .lifetime = std::chrono::seconds(mapping.lifetime),
                        .epoch = answer.epoch};
    if (asked_.lifetime == 0s) return finish_map(IpAddress());
    if (mapping.lifetime == 0 || mapping.mappedpublicport == 0) {
      return fail({GatewayFailure::broken, "granted for no time or no port"});
    }
    send_address_request();
  }

  void on_error(int code) {
    if (granted_) return finish_map(IpAddress());
    fail(error_of(code));
  }

  void finish_map(const IpAddress& external) {
    MapGrant grant = *granted_;
    grant.external.ip = external;
    finish_io();
    request_.finish(grant);
  }

  void finish_io() {
    retry_.cancel();
    deadline_.cancel();
    socket_.reset();  // the library's socket: there is nothing else to close
  }

  void fail(GatewayError error) {
    finish_io();
    request_.fail(std::move(error));
  }

  net::Poller& poller_;
  const Uplink uplink_;
  PendingRequest request_;
  MapRequest asked_;  // of map and unmap
  Asking asking_ = Asking::address;
  std::optional<MapGrant> granted_;  // the port; its address is still asked for
  std::string trouble_;              // why there is no socket
  bool garbage_ = false;             // something came that could not be read
  bool answered_ = false;            // ever
  natpmp_t natpmp_{};
  net::PolledFd socket_;
  core::TimerEntry retry_;
  core::TimerEntry deadline_;
};

}  // namespace

std::unique_ptr<GatewayClient> make_nat_pmp_client(net::Poller& poller, const Uplink& uplink) {
  return std::make_unique<NatPmpClient>(poller, uplink);
}

}  // namespace fairlead::agent::nat
