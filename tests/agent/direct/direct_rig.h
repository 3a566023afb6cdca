#pragma once
// An agent's listener on loopback, with a service beside it and clients that tests play themselves.
#include <map>
#include <string>

#include "agent/direct/direct_listener.h"
#include "tests/common/net/rig.h"
#include "tests/common/wire/tls_bytes.h"

namespace fairlead::agent {

inline const wire::SessionId kSession{5};

class DirectRig final : public KeyFinder {
 public:
  explicit DirectRig(DirectLimits limits = {});
  ~DirectRig() override;

  std::shared_ptr<const core::ChannelKeys> find_keys(const wire::SessionId& session) override {
    return session == kSession ? keys : nullptr;
  }

  net::Fd connect() const;  // a client of the listener
  net::Fd call(ByteView first_bytes) const;
  // What the listener sent until it ended the connection; fails the test when it does not.
  Bytes answer_to(ByteView first_bytes);
  Bytes read_until_closed(const net::Fd& client);
  net::Fd accept_at_service();
  ConfirmedService web() const;  // its target is the service
  std::uint64_t refused(Reason reason) const { return counters.refused.get(reason); }
  std::uint64_t closed(Reason reason) const { return counters.closed.get(reason); }
  SocketAddress address() const { return listener->addresses().front(); }

  net::test::Worker worker;
  AgentConfig config;
  Counters counters;
  SeededRng rng{1};
  std::shared_ptr<const core::ChannelKeys> keys =
      std::make_shared<const core::ChannelKeys>(wire::SessionKey{1}, kSession);
  net::Fd service;
  AgentTools tools{.loop = worker.loop,
                   .channel = {worker.poller, worker.pipes, worker.farewells},
                   .config = config,
                   .counters = counters,
                   .rng = rng,
                   .room{10}};
  std::unique_ptr<DirectListener> listener;
};

Bytes client_hello(std::string_view sni, const std::vector<std::string>& alpn = {});  // empty: no SNI
Bytes alert(std::uint8_t description);

}  // namespace fairlead::agent
