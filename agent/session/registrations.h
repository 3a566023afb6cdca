#pragma once
// How each configured service stands with one rendezvous: asks for those that are due, keeps what came of it, and
// carries a changed configuration over to the session that stands: what is new is asked for, what changed is asked for
// again under its claim, what is gone is withdrawn, and the rest hears nothing. Pure, time as an argument; owned by a
// RendezvousLink, whose session is handed in.
//
//   idle --ask()--> asked --registered--> registered     each back to idle when the session ends, or to asked when its
//                     +-----refused-----> refused --retry_at, ask()--> asked              entry in the file changed
#include <optional>
#include <string>
#include <vector>

#include "agent/session/recurrence.h"
#include "agent/setting/config.h"
#include "common/core/agent_session.h"

namespace fairlead::agent {

struct ServiceState {
  enum class Kind { idle, asked, registered, refused } kind = Kind::idle;
  std::string name;                        // SERVICE.CLUSTER, once registered
  std::string address;                     // where mesh clients find it
  std::vector<std::string> sources;        // CIDRs that may connect
  std::vector<std::string> refused_names;  // hosts and sni that the rendezvous left out: "db.home (policy_denied)"
  std::string reason;                      // code, when refused
  std::string detail;
  TimePoint retry_at;  // when refused
  WallTime since{};
};

class Registrations {
 public:
  explicit Registrations(const std::vector<ServiceConfig>& services);

  // `session`: null while there is none. States are in the order of `services` from then on.
  void replace(const std::vector<ServiceConfig>& services, core::AgentSession* session);
  void ask(core::AgentSession& session, TimePoint now);  // for what is due
  void on_session_ended();

  // The service that it is about; null: none of ours any more.
  const ServiceState* on_registered(wire::Registered& registered, const std::string& server, WallTime wall);
  struct Refused {
    const ServiceConfig& service;
    bool news;             // worth a line of log
    std::uint64_t silent;  // refusals since the last line
  };
  std::optional<Refused> on_refused(std::uint32_t claim, const core::Refusal& refusal, TimePoint now, WallTime wall);

  const std::vector<ServiceState>& states() const { return states_; }
  std::optional<TimePoint> deadline() const;  // when ask() has something to do

 private:
  struct Claim {
    ServiceConfig service;
    std::uint32_t number = 0;  // 0: not asked for in this session
    Recurrence refusals;
  };

  std::optional<std::size_t> find(std::uint32_t number) const;
  std::optional<std::size_t> find(const std::string& name) const;

  std::vector<Claim> claims_;
  std::vector<ServiceState> states_;  // of claims_
  std::uint32_t last_number_ = 0;     // in this session: a number that was withdrawn is not used again
};

}  // namespace fairlead::agent
