#pragma once
// One uplink at work: its gateway clients, when each protocol is looked for, and the Mapping whose commands it carries
// out. Serves PortMapperCore, which owns it and says when it may send (one request at a time per gateway). One loop;
// times are boot time.
#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "agent/nat/environment.h"
#include "agent/nat/mapping.h"
#include "agent/nat/port_mapper.h"

namespace fairlead::agent::nat {

inline constexpr Duration kFirstPatience = 1500ms;  // of the looks at the start: whoever is there answers in 20 ms
inline constexpr Duration kLookPatience = 64s;      // of later ones, in the background: RFC 6886 §3.1, RFC 6887 §8.1.1
inline constexpr Duration kUpnpPatience = 10s;      // the same where each look is a process
inline constexpr Duration kRediscoverPatience = 5s;
inline constexpr unsigned kRediscoverAfter = 3;  // unanswered requests in a row: a router that restarted may have moved
inline constexpr std::array<Duration, 4> kLookAgain{0s, 1min, 5min, 1h};  // an absent protocol; the last one goes on
inline constexpr Duration kLookSpacing = 1min;  // between looks that announcements and network changes cause

class UplinkWorker {
 public:
  using Clock = TimePoint (*)();  // boot time

  UplinkWorker(Environment& environment, Rng& rng, MappingSetup setup, Clock clock, std::function<void()> on_change);

  void start();  // looks for every protocol, all at once
  void on_announcement(std::optional<std::uint32_t> epoch);
  void on_network_changed();
  void on_seen(const IpAddress& outside);  // by a rendezvous
  void stop();                             // deletes what stands; stopped() tells the end
  void cancel();                           // gives up whatever is under way

  // Starts the looks that are due.
  void on_time();
  // Makes the next request ready if one is due now; send() then sends it. In between it is in mapping().records().
  bool take_request();
  void send();
  bool request_under_way() const { return request_.has_value(); }
  std::optional<TimePoint> look_due() const;
  bool settled() const;

  Mapping& mapping() { return mapping_; }
  const Mapping& mapping() const { return mapping_; }
  TimePoint since() const { return since_; }  // when this uplink came
  const Uplink& uplink() const { return mapping_.setup().uplink; }
  UplinkReport report() const;

 private:
  struct Protocol {
    std::unique_ptr<GatewayClient> client;  // null: not configured, or not for this uplink
    enum class Look : std::uint8_t { never, first, idle, under_way } look = Look::never;
    bool present = false;
    std::size_t absences = 0;  // in a row
    TimePoint looked_at;
    TimePoint look_again;
    unsigned unanswered = 0;  // requests in a row
    GatewayFacts facts;
    std::optional<GatewayError> error;
  };
  using Looked = tl::expected<GatewayFacts, GatewayError>;
  using Answer = tl::expected<MapGrant, GatewayError>;

  Protocol& at(MappingProtocol protocol) { return protocols_[index_of(protocol)]; }
  const Protocol& at(MappingProtocol protocol) const { return protocols_[index_of(protocol)]; }
  void look(MappingProtocol protocol, Duration patience);
  bool may_look(MappingProtocol protocol) const;
  void look_soon(Protocol& protocol);
  void on_looked(MappingProtocol protocol, const Looked& looked);
  void lend_address(const GatewayFacts& facts);
  void put_off_look(Protocol& protocol);
  void rediscover();
  void send_now();
  void on_answer(const Answer& answer);
  ProtocolReport report(MappingProtocol protocol) const;

  Rng& rng_;
  Clock clock_;
  TimePoint since_;
  std::function<void()> on_change_;
  Mapping mapping_;
  std::optional<MappingCommand> request_;  // the one that is to be sent or under way
  bool seen_ = false;  // a rendezvous told our outside address: it knows better than another protocol
  enum class Life : std::uint8_t { running, stopping } life_ = Life::running;
  std::array<Protocol, kProtocols> protocols_;  // clients die first: their callbacks use what is above
};

}  // namespace fairlead::agent::nat
