#pragma once
// What the tests of gateway clients share: an uplink on the loopback interface, and a gateway of PCP or NAT-PMP that
// answers as it is told.
#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <deque>
#include <functional>
#include <optional>

#include "agent/nat/gateway_client.h"
#include "agent/nat/uplink.h"
#include "tests/common/net/rig.h"

namespace fairlead::agent::nat::test {

// The ports of the protocols are fixed, so each test process has addresses of its own.
inline IpAddress loopback_address(std::uint8_t number) {
  const auto pid = static_cast<unsigned>(::getpid());
  return IpAddress::v4({127, number, static_cast<std::uint8_t>(pid >> 8), static_cast<std::uint8_t>(pid)});
}
inline IpAddress gateway_address() {
  return loopback_address(100);
}

inline Uplink loopback_uplink() {
  return {
      .interface = "lo", .index = 1, .local = IpAddress::v4({127, 0, 0, 1}), .gateway = gateway_address(), .metric = 0};
}

// Binds `address`:5351; every datagram it gets is given to `answer`, and what that returns is sent back.
class ScriptedGateway final : private net::PollTarget {
 public:
  using Answer = std::function<std::optional<Bytes>(const Bytes& request)>;

  ScriptedGateway(net::Poller& poller, const IpAddress& address, Answer answer) : answer_(std::move(answer)) {
    net::Fd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    sockaddr_in local{};
    local.sin_family = AF_INET;
    local.sin_port = htons(5351);
    std::memcpy(&local.sin_addr, address.bytes().data(), sizeof local.sin_addr);
    REQUIRE(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&local), sizeof local) == 0);
    socket_ = net::PolledFd(poller, std::move(fd), *this);
  }

  std::vector<Bytes> requests;
  sockaddr_in client{};  // who asked last
  // Sends unasked to whom asked last.
  void send(const Bytes& datagram) {
    ::sendto(socket_.get(), datagram.data(), datagram.size(), 0, reinterpret_cast<const sockaddr*>(&client),
             sizeof client);
  }

 private:
  void on_ready(net::Readiness) override {
    Bytes buffer(2048);
    while (true) {
      socklen_t size = sizeof client;
      const ssize_t got =
          ::recvfrom(socket_.get(), buffer.data(), buffer.size(), 0, reinterpret_cast<sockaddr*>(&client), &size);
      if (got < 0) return;
      requests.emplace_back(buffer.begin(), buffer.begin() + got);
      if (const auto answer = answer_(requests.back())) send(*answer);
    }
  }

  Answer answer_;
  net::PolledFd socket_;
};

// The outcome of one request.
template <class T>
struct Outcome {
  std::optional<tl::expected<T, GatewayError>> got;
  int calls = 0;
  GatewayClient::Callback<T> callback() {
    return [this](tl::expected<T, GatewayError> result) {
      got = std::move(result);
      ++calls;
    };
  }
  bool done() const { return got.has_value(); }
  std::string failure() const {
    return !got ? "nothing" : *got ? "none" : std::string(failure_name(got->error().failure));
  }
};

inline MapRequest sample_request() {
  return {.internal_port = 4433,
          .external = {IpAddress(), 40001},
          .lifetime = 7200s,
          .nonce = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12},
          .description = "fairlead nas1.home"};
}

}  // namespace fairlead::agent::nat::test
