#pragma once
// The life of one port mapping at one uplink: which protocol is asked for which port, when it is renewed, how it is
// repaired, what is offered to be dialled back. Pure: time and randomness are arguments, requests are pulled. Serves
// UplinkWorker, which owns it. RFC 6886 §3.3-3.7, RFC 6887 §8.5 and §11.2.1; nat-traversal practice in README.md.
// All times are boot time (net::boottime_now()), since a lease runs on while the host sleeps.
//
//   searching --granted--> mapped --ran out, taken--> lost ------------> searching   (up to 5 s; a late grant: mapped)
//     |  ^ conflict:         |  |----unreachable----> repairing -------> searching   (at once or up to 5 s)
//     |  | next port         |  +--time and again---> pausing ---------> searching   (1 min doubling to 1 h)
//     |                      +-- renewal at 1/2 .. 5/8 of the lifetime: mapped
//     +--every one failed--> resting --> searching                                   (30 s doubling to 10 min)
//   stop(), in any state: stopping --nothing left to be deleted--> stopped
//
// At most one request is under way. Deletions go first: what an earlier life left, then what a repair replaces.
#include <array>
#include <optional>
#include <vector>

#include "agent/nat/epoch.h"
#include "agent/nat/mapping_record.h"
#include "agent/nat/port_sequence.h"
#include "common/base/random.h"

namespace fairlead::agent::nat {

inline constexpr std::array<std::chrono::seconds, 3> kLeaseLadder{7200s, 3600s, 0s};  // 0: UPnP alone
inline constexpr std::chrono::seconds kShortestLease = 30s;                           // a shorter grant is a failure,
inline constexpr std::chrono::seconds kLongestLease = 24h;  // a longer one counts as this much
inline constexpr Duration kPermanentCheck = 5min;           // leases without end are asked for again so often
inline constexpr Duration kLeastRenewalGap = 4s;            // RFC 6887 §11.2.1
inline constexpr unsigned kPortTries = 10;                  // in the first round; later rounds try one port each
inline constexpr Duration kLossWait = 5s;                   // RFC 6886 §3.6, RFC 6887 §8.5: random, up to this
inline constexpr Duration kRepairWait = 500ms;              // random, up to this: the dial-back said that it is dead
inline constexpr Duration kFirstRest = 30s, kLongestRest = 10min;
inline constexpr Duration kFirstPause = 1min, kLongestPause = 1h;
inline constexpr Duration kProvedFor = 1min;      // reachable for so long: the next repair begins at its first step
inline constexpr Duration kCheckSpacing = 1min;   // between requests that something unasked for causes
inline constexpr Duration kNotifySpacing = 5min;  // the same for announcements without an epoch (SSDP repeats itself)
inline constexpr Duration kOutsideSpacing = 5s;   // the same where the outside saw us at another address
inline constexpr Duration kAddressRetry = 30s;    // a gateway that did not tell its outside address is asked again
inline constexpr Duration kFirstDeleteRetry = 1min, kLongestDeleteRetry = 1h;

struct MappingSetup {
  Uplink uplink;
  std::vector<MappingProtocol> protocols;  // in order of preference; empty: own address only
  std::uint16_t internal_port = 0;
  std::uint16_t external_port = 0;   // wished; 0: from the identity
  std::string identity;              // what port sequence and description are derived from
  std::vector<MappingRecord> known;  // left at this gateway by an earlier life or under an earlier address
};

struct MappingCommand {
  enum class Kind : std::uint8_t { map, unmap } kind = Kind::map;
  MappingProtocol protocol = MappingProtocol::pcp;
  MapRequest request;
};

struct MappingOffer {
  SocketAddress external;
  std::optional<MappingProtocol> protocol;  // none: an address of this host's own
  bool operator==(const MappingOffer&) const = default;
};

// What is worth a log line; none repeats while nothing changes.
struct MappingEvent {
  enum class Kind : std::uint8_t { mapped, moved, lost, failed, unreachable, paused, verified } kind;
  MappingProtocol protocol = MappingProtocol::pcp;
  SocketAddress external;
  std::chrono::seconds lifetime{};
  std::optional<Reason> reason;
  std::string detail;
};

class Mapping {
 public:
  enum class State : std::uint8_t {
    searching,  // the first protocol that is there is asked, as soon as one is
    mapped,     // it stands: it is renewed
    lost,       // it ran out or is another's: asked for anew when it is time
    repairing,  // nothing arrived through it: deleted, and asked for anew when it is time
    resting,    // every protocol that is there failed: all are asked again when it is time
    pausing,    // repairs did not help: deleted, and asked for anew when it is time
    stopping,   // one try for each thing that is to be deleted
    stopped,    // the end
  };
  struct Standing {  // the mapping as it was granted
    MappingProtocol protocol = MappingProtocol::pcp;
    MapRequest request;  // original tuple and nonce, with the external address that was assigned
    std::chrono::seconds lifetime{};
    TimePoint since, renew_at;
    std::optional<TimePoint> expires;         // none: a lease without end
    std::optional<TimePoint> verified_since;  // none: not proved reachable
    enum class Address : std::uint8_t { told, borrowed, unknown } address = Address::told;  // by the gateway itself?
  };

  Mapping(MappingSetup setup, Rng& rng);

  // What a look at a protocol found. Until each protocol that is preferred to it was looked at, none is asked.
  void on_present(MappingProtocol protocol, std::optional<std::uint32_t> epoch, TimePoint now);
  void on_absent(MappingProtocol protocol, TimePoint now);
  // The answer to the command that was taken last.
  void on_answer(const tl::expected<MapGrant, GatewayError>& answer, TimePoint now);
  // The dial-back's verdict on the offer of this method.
  void on_verified(std::optional<MappingProtocol> method, TimePoint now);
  void on_unreachable(std::optional<MappingProtocol> method, TimePoint now);
  // Unproved news: a mapping is checked by renewing it soon, a rest ends. Never more often than kCheckSpacing.
  void on_announcement(std::optional<std::uint32_t> epoch, TimePoint now);
  void on_network_changed(TimePoint now);
  // This uplink's outside address, as another protocol's gateway or a rendezvous has it. It stands in where the gateway
  // of the mapping does not tell its own. Another one than before: the gateway's address changed, so it is asked at
  // once, whatever pause the mapping is in.
  void on_outside_address(const IpAddress& address, TimePoint now);
  void on_time(TimePoint now);
  // Deletes everything, one try each; then stopped().
  void stop(TimePoint now);

  // What is to be done now; the caller gives its answer to on_answer().
  std::optional<MappingCommand> take_command(TimePoint now);
  std::optional<TimePoint> deadline() const;  // when on_time() and take_command() have something new
  std::vector<MappingEvent> take_events() { return std::exchange(events_, {}); }

  State state() const { return state_; }
  std::optional<MappingOffer> offer() const;
  bool offer_verified() const;
  const std::optional<Standing>& standing() const { return standing_; }
  std::optional<Reason> problem() const { return problem_; }  // why nothing is offered through a gateway
  bool unreliable() const;  // it confirms forwardings that do not forward, time and again
  bool request_under_way() const { return under_way_.has_value(); }
  // Everything that the gateway has of us, or may have.
  std::vector<MappingRecord> records() const;
  const MappingSetup& setup() const { return setup_; }

 private:
  static constexpr unsigned kPromptRepairs = 2;  // the same port anew, then another one; from then on with pauses

  enum class Presence : std::uint8_t { unknown, absent, present };
  enum class Removal : std::uint8_t { gone, failed };
  struct ProtocolState {
    Presence presence = Presence::unknown;
    std::optional<GatewayError> failed;  // in this round
    std::size_t ladder = 0;              // step of kLeaseLadder that this gateway accepts
    EpochClock epoch;
    std::optional<MappingNonce> nonce;  // one per internal port: what cannot be deleted can still be renewed
    std::optional<SocketAddress> held;  // the external address had before: asked for first
  };
  struct Leftover {  // a mapping that is to be deleted, or taken over when the same tuple is asked for again
    MappingRecord record;
    TimePoint not_before;
    Duration retry = kFirstDeleteRetry;
    std::optional<TimePoint> expires;  // then the gateway forgot it
    enum class Use : std::uint8_t { adopt, remove } use = Use::remove;
    unsigned last_tries = 0;  // since stop()
  };

  ProtocolState& at(MappingProtocol protocol) { return protocols_[index_of(protocol)]; }
  const ProtocolState& at(MappingProtocol protocol) const { return protocols_[index_of(protocol)]; }
  bool configured(MappingProtocol protocol) const;

  // The one place where the state changes: CHECKs the move, and that something stands where it is mapped.
  void enter(State next);
  void wait_in(State next, TimePoint until);
  bool waiting() const;  // for its time
  bool ending() const { return state_ == State::stopping || state_ == State::stopped; }
  void stop_if_clean();

  // mapping.cpp: what to do
  std::optional<MappingProtocol> choose() const;
  bool removable(const Leftover& leftover) const;
  MappingCommand issue(MappingCommand command);
  std::optional<MappingCommand> take_removal(TimePoint now);
  MapRequest make_request(MappingProtocol protocol);
  SocketAddress wished(MappingProtocol protocol) const;
  std::optional<TimePoint> removal_due() const;
  MappingRecord record_of(MappingProtocol protocol, const MapRequest& request) const;
  MappingRecord record_of(const Standing& standing) const;
  bool unwanted() const;  // what an answer grants now is to be deleted

  // mapping_answers.cpp: what answers mean
  void on_map_answer(const MappingCommand& asked, const tl::expected<MapGrant, GatewayError>& answer, TimePoint now);
  void on_grant(const MappingCommand& asked, const MapGrant& grant, TimePoint now);
  void on_map_failure(const MappingCommand& asked, const GatewayError& error, TimePoint now);
  void on_renewal_failure(const GatewayError& error, TimePoint now);
  void on_ask_failure(const MappingCommand& asked, const GatewayError& error, TimePoint now);
  void on_unmap_answer(const MappingCommand& asked, Removal removal, TimePoint now);
  bool next_lease(MappingProtocol protocol, GatewayFailure failure);
  bool next_port(MappingProtocol protocol);
  void protocol_failed(MappingProtocol protocol, const GatewayError& error, TimePoint now);
  void end_round(TimePoint now);
  void lose(Reason reason, std::string detail, TimePoint now);
  void schedule_renewal(TimePoint now);
  void leave_behind(const MappingRecord& record, Leftover::Use use, TimePoint not_before, TimePoint now);
  void drop_replaced(const MappingRecord& granted);
  void repair(TimePoint now);

  Standing::Address complete(SocketAddress& external) const;
  void check_soon(Duration spacing, TimePoint now);
  void ask_at(TimePoint when);
  void set_problem(Reason reason, std::string detail, MappingProtocol protocol);
  void tell(MappingEvent event) { events_.push_back(std::move(event)); }
  Duration up_to(Duration most);

  MappingSetup setup_;
  Rng& rng_;
  PortSequence ports_;
  std::array<ProtocolState, kProtocols> protocols_;
  State state_ = State::searching;
  TimePoint until_;                   // of a state that waits
  std::optional<Standing> standing_;  // while mapped
  std::vector<Leftover> leftovers_;
  std::optional<MappingCommand> under_way_;

  std::uint32_t port_index_ = 0;  // of ports_: which one is asked for
  unsigned conflicts_ = 0;        // in this round, with one protocol
  enum class Ports : std::uint8_t { any, same_only } port_rule_ = Ports::any;

  Duration rest_ = kFirstRest;
  unsigned failed_rounds_ = 0;
  unsigned repairs_ = 0;  // since it was last reachable for kProvedFor
  Duration pause_ = kFirstPause;
  std::optional<TimePoint> last_check_;
  std::optional<Duration> check_retry_;  // a check is due or failed: not to be put off to half of the lease

  enum class OwnAddress : std::uint8_t { hidden, offered, verified } own_ = OwnAddress::hidden;
  std::optional<IpAddress> outside_;  // as others have it
  std::optional<Reason> problem_;
  std::vector<MappingEvent> events_;
};

}  // namespace fairlead::agent::nat
