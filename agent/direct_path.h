#pragma once
// Everything that makes this host reachable without the relay: its own listener, the port mapper behind it, and what
// the rendezvous servers say of the addresses that it found. One loop; owned by the agent.
//
//   PortMapper --candidates--> every RendezvousLink --verdicts--> PortMapper (repair), status
//   registrations of every link --confirmed services--> DirectListener
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "agent/direct/direct_listener.h"
#include "agent/direct_verdicts.h"
#include "agent/nat/port_mapper.h"
#include "agent/probe/path_trace.h"
#include "agent/probe/report.h"
#include "agent/session/rendezvous_link.h"

namespace fairlead::agent {

inline constexpr Duration kConfirmedFor = 10min;  // a registration, after its session was lost

using Links = std::vector<std::unique_ptr<RendezvousLink>>;

class DirectPath final : public KeyFinder {
 public:
  // All three outlive it; `endpoint` is read from start() on.
  DirectPath(AgentTools& tools, const Links& links, const std::string& endpoint, std::function<void()> on_path_doubted);
  ~DirectPath() override;

  // Without credentials (a probe before there are any) nobody can verify what is found.
  void start(std::shared_ptr<const tls::Credentials> credentials, tls::WallClock clock);
  void replace_credentials(std::shared_ptr<const tls::Credentials> credentials, tls::WallClock clock);
  void on_network_changed();
  // Why nothing could be listened on at the start; start() may be called again.
  const std::optional<Error>& problem() const { return problem_; }
  // What is listened for in vain although this host might have it.
  std::vector<Error> problems() const;
  void on_link_changed(const RendezvousLink& link);  // its session or a registration
  void services_changed() { confirm_services(); }    // after a reload
  void on_judged(std::uint32_t number, const std::string& code);
  // When on_time() has something to do; it may change with every call of on_link_changed and on_judged.
  std::optional<TimePoint> deadline() const;
  void on_time();
  // Takes nothing more in, and deletes every mapping within `patience`; live connections stay.
  void stop(Duration patience, std::function<void()> done);
  void shut_down(Reason reason);

  std::vector<nat::Candidate> candidates() const;
  bool was_live(std::uint32_t number) const { return verdicts_.was_live(number); }
  std::vector<nat::MappingReport> mappings() const;
  ProbeFacts facts() const;
  bool settled() const;  // all was asked, and what was found was judged

 private:
  std::shared_ptr<const core::ChannelKeys> find_keys(const wire::SessionId& session) override;
  void on_candidates(const std::vector<nat::Candidate>& candidates);
  std::vector<const CandidateOffers*> offers() const;  // of each link
  void tell_seen(const RendezvousLink& link);
  void confirm_services();
  void confirm(const RendezvousLink& link, std::size_t index);
  ConfirmedService confirmed_service(const RendezvousLink& link, const ServiceConfig& config,
                                     const ServiceState& state) const;

  AgentTools& tools_;
  const Links& links_;
  const std::string& endpoint_;
  const std::function<void()> on_path_doubted_;  // a gateway lost its state or moved
  std::optional<Error> problem_;
  std::unique_ptr<DirectListener> listener_;  // null: nothing could be bound, or nothing is to be
  std::unique_ptr<nat::PortMapper> mapper_;
  std::unique_ptr<PathTrace> trace_;
  struct Confirmed {
    ServiceConfig config;  // as it was then
    ConfirmedService service;
    TimePoint until;  // max while its session stands
  };
  std::map<std::pair<std::string, std::string>, Confirmed> confirmed_;  // by server and SERVICE
  DirectVerdicts verdicts_;
  std::map<std::string, std::pair<IpAddress, IpAddress>> seen_;  // by server: from where, and as what
  bool traced_ = false;                                          // since the network changed
  std::vector<std::optional<IpAddress>> hops_;
};

}  // namespace fairlead::agent
