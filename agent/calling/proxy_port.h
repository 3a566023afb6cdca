#pragma once
// One local port for every name of the mesh: SOCKS5 and HTTP CONNECT. Who opens a tunnel there is carried to the
// service that it names, in mutual TLS from here, and speaks plain bytes, as at a port of [[egress]].
//
//   LocalPort --> front::Inbound: an opening --TunnelRequest--> CarriedCalls: dialled, answered, relayed
//                   | what it refuses itself           | no such name, nobody, not let in
//                   +--> its last words                +--> SOCKS reply, HTTP status with the reason
//
// One loop; owned by a command or by the thread of calls. Its end resets what it carries.
#include <map>
#include <memory>
#include <string>

#include "agent/calling/carried_calls.h"
#include "agent/calling/local_port.h"
#include "common/front/inbound.h"

namespace fairlead::agent {

inline constexpr std::size_t kUsualOpenings = 256;  // at a time
// Names that were called: their sessions with the service are resumed.
inline constexpr std::size_t kMostKnownNames = 256;

class ProxyPort final : public front::InboundOwner {
 public:
  struct Terms {
    std::vector<HostPort> servers;
    Limits limits;
    std::size_t openings_max = kUsualOpenings;
  };
  // `context` outlives it. on_changed: a call was taken, or has ended; null: nobody asks.
  ProxyPort(const CallTools& tools, tls::TlsClientContext& context, Terms terms, const ListenAddress& address,
            net::Fd fd, std::function<void()> on_changed);
  ~ProxyPort() override;
  ProxyPort(const ProxyPort&) = delete;
  ProxyPort& operator=(const ProxyPort&) = delete;

  std::string address() const { return port_.address(); }
  std::size_t calls() const { return calls_.size(); }
  std::size_t known_names() const { return known_.size(); }
  // For new calls.
  void set_limits(const Limits& limits) { terms_.limits = limits; }
  // No more are taken.
  void close();

 private:
  struct Opening {
    std::unique_ptr<front::Inbound> inbound;
    std::string from;
  };
  struct Known {
    CalledService service;
    TimePoint used{};
  };

  void on_opened(front::Inbound& inbound, front::Opening::Outcome outcome) override;
  void take(net::Fd fd, std::string from);
  void refuse(front::Inbound& inbound, const std::string& from, Reason reason);
  void call(front::Inbound& inbound, const std::string& from, const front::TunnelRequest& request);
  CalledService* find_service(const std::string& name);
  void forget_one();

  const CallTools tools_;
  tls::TlsClientContext& context_;
  Terms terms_;
  const front::ListenerRules rules_;
  std::map<std::string, std::unique_ptr<Known>> known_;  // by name
  CarriedCalls calls_;
  std::map<front::Inbound*, Opening> openings_;
  LocalPort port_;
};

}  // namespace fairlead::agent
