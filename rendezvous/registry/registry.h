#pragma once
// Who is here, what they registered, and what clients can therefore reach: a plain data structure without I/O, clock or
// lock. The registry owner thread owns it; relay workers see its snapshots only. Its policy:
//
// Sessions. One per (SPIFFE id, ENDPOINT). The first [[policy]] rule that matches the id decides which ENDPOINT it may
//   be; ENDPOINT and CLUSTER that the agent leaves out come from the rule's captures. A second session for the same
//   pair: same boot and higher counter: takes over; same boot, not higher: superseded; another boot: the old session is
//   to be probed. It answers: duplicate_identity; it is silent: taken over. A takeover withdraws all registrations of
//   the old session; the new one registers anew.
// Revoked. An id that is revoked has no session, whatever policy says: one that stands is evicted.
// Services. A session registers SERVICE.CLUSTER of its own CLUSTER where its rule's `services` allow it, and host and
//   sni names where `hosts` do; at most services_per_agent. A host or sni that reads as SERVICE.CLUSTER or
//   ENDPOINT.SERVICE.CLUSTER (bare or under a domain) of another service, live or not, needs the right to that service,
//   too: by `services`, or by a pattern in `hosts` that spells it. Names that policy refuses are left out and named;
//   the service lives without them. Registering a service again replaces it (new claim number or the same). A claim
//   number that stands for another service is a protocol_error.
// Names. Only live registrations hold names. ENDPOINT.SERVICE.CLUSTER held by one identity is refused to another. A
// host
//   or sni name is shared by all endpoints of one SERVICE.CLUSTER, and by several services if each uses other ports and
//   the claimant holds it already: its identity by another service, or its SERVICE.CLUSTER; else name_taken. One of the
//   server's own names, or a name that reads (with or without one of the domains) as another live SERVICE.CLUSTER or
//   ENDPOINT.SERVICE.CLUSTER: name_taken; and the other way round, a service whose name is claimed as host by another
//   service is refused.
// Publication. Each registration is published with the ways of its session; set_direct changes the ways of all of them.
// Forgetting. A name that lost its last endpoint is remembered for an hour (no_endpoint, then unknown_name).
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include "common/base/result.h"
#include "common/core/takeover.h"
#include "common/wire/control_message.h"
#include "rendezvous/registry/listing.h"
#include "rendezvous/registry/policy.h"
#include "rendezvous/registry/publication.h"
#include "rendezvous/registry/routing.h"

namespace fairlead::rendezvous {

// Asked again sooner, a refusal that only a person can lift would cost handshakes.
inline constexpr Duration kDeniedRetryAfter = 60s;
inline constexpr Duration kNameTakenRetryAfter = 30s;  // the holder may go

struct RefusedName {
  std::string name;  // a host or sni
  Reason reason;
  bool operator==(const RefusedName&) const = default;
};
struct Registration {
  EndpointPtr endpoint;
  std::vector<RefusedName> refused;  // what of the wish it lives without
};

struct RegistryLimits {
  std::size_t services_per_agent = 1024;
};

struct Moment {
  TimePoint steady;
  WallTime wall{};  // only for reports
};

struct SessionClaim {
  std::string spiffe_id;
  std::string endpoint;  // empty: from policy
  std::string cluster;   // empty: from policy
  wire::BootId boot_id{};
  std::uint64_t counter = 0;
  std::shared_ptr<Carrier> session;  // not null, admitted once
  SessionAbout about;
};

struct Admitted {
  std::string endpoint;
  std::string cluster;
};
struct Refused {
  Reason reason;
  Duration retry_after;
  std::string detail;
};
struct ProbeOld {  // ping `held` with core::kTakeoverProbe, then call admit_probed()
  std::shared_ptr<Carrier> held;
};
struct TookOver {  // admitted; tell `old` superseded and drop its pool and tickets, never its live relays
  std::string endpoint;
  std::string cluster;
  std::shared_ptr<Carrier> old;
};
using Admission = std::variant<Admitted, Refused, ProbeOld, TookOver>;

enum class ProbeOutcome : std::uint8_t { answered, silent };

// What a new policy took away; all of it is gone from the registry already.
struct PolicyChange {
  std::vector<EndpointPtr> withdrawn;            // reason policy_denied
  std::vector<Registration> updated;             // live on with other sources or fewer names: tell their agents
  std::vector<std::shared_ptr<Carrier>> denied;  // their identity may not be here any more: close them
};

class Registry {
 public:
  Registry(Policy policy, OwnNames own, RegistryLimits limits = {});

  Admission admit(const SessionClaim& claim, Moment now);
  // After ProbeOld. If `probed` is not the holder any more, decides afresh.
  Admission admit_probed(const SessionClaim& claim, const std::shared_ptr<Carrier>& probed, ProbeOutcome outcome,
                         Moment now);
  // Withdraws everything of the session. False if it is not here (never admitted, taken over, closed).
  bool close_session(const Carrier& session, TimePoint now);

  // policy_denied, name_taken, services_max, config_invalid, protocol_error; session_ended if the session is not here.
  Result<Registration> register_service(const Carrier& session, const wire::Register& request, Moment now);
  // False if there is no such claim, as after a replacement.
  bool unregister(const Carrier& session, std::uint32_t claim, TimePoint now);

  // The addresses at which the session's agent offers all its services without the relay, as the dial-backs left them:
  // published for each of its services if anything is different.
  void set_direct(const Carrier& session, std::vector<DirectEndpoint> endpoints);

  void expire(TimePoint now);  // call it now and then; a minute late does no harm
  PolicyChange replace_policy(Policy policy, TimePoint now);
  // All that are revoked now. Those who were here and are gone from the registry: close them.
  std::vector<std::shared_ptr<Carrier>> replace_revoked(std::set<std::string> ids, TimePoint now);
  void replace_own_names(const std::vector<std::string>& names) { names_.replace_own_names(names); }

  // Null when nothing changed. The owner calls it at most every 5 ms.
  std::shared_ptr<const Snapshot> publish() { return names_.publish(); }

  // What publishers and reports read. A view is O(1) and may go to any thread.
  const Publication& publication() const { return publication_; }
  PublicationView published() { return publication_.view(); }
  RegistryView view() { return {counters(), records_.freeze(), publication_.view()}; }
  RegistryCounters counters() const;

 private:
  struct Key {
    std::string spiffe_id;
    std::string endpoint;
    auto operator<=>(const Key&) const = default;
  };
  struct Session {
    core::SessionGeneration generation;
    Grant grant;
    SessionRecordPtr record;
    std::map<std::string, EndpointPtr> services;  // by SERVICE.CLUSTER
    WaysPtr ways;                                 // to each of them

    const std::shared_ptr<Carrier>& carrier() const { return record->session; }
  };
  using Sessions = std::map<Key, Session>;
  struct Candidate {  // a claim that policy allows
    Key key;
    std::string cluster;
    Grant grant;
  };

  tl::expected<Candidate, Refused> check_claim(const SessionClaim& claim) const;
  Admission enter(const SessionClaim& claim, Candidate candidate, Moment now);
  Admission take_over(Sessions::iterator held, const SessionClaim& claim, Candidate candidate, Moment now);
  std::shared_ptr<Carrier> evict(Sessions::iterator at, TimePoint now, route::Departure how);
  void record(Session& session, SessionRecord about);
  void offer(const EndpointPtr& endpoint, const WaysPtr& ways);
  void withdraw(const EndpointPtr& endpoint, TimePoint now, route::Departure how);
  void reapply(Session& session, PolicyChange& change, TimePoint now);
  Result<void> check_claim_number(const Session& session, const Endpoint& wanted) const;
  // Takes the names that `grant` does not allow out of `wanted`; policy_denied if the service itself is not.
  Result<std::vector<RefusedName>> apply_policy(const Grant& grant, Endpoint& wanted) const;
  bool may_have(const Grant& grant, const std::string& name, const Endpoint& wanted) const;

  Policy policy_;
  std::set<std::string> revoked_;  // SPIFFE ids
  RegistryLimits limits_;
  NameIndex names_;
  Publication publication_;
  route::HashTree<SessionRecord> records_;
  Sessions sessions_;
  std::unordered_map<const Carrier*, Sessions::iterator> by_session_;
  std::size_t endpoints_ = 0;
  std::uint64_t takeovers_ = 0;
  std::uint64_t duplicates_refused_ = 0;
};

}  // namespace fairlead::rendezvous
