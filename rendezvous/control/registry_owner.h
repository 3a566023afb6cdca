#pragma once
// The thread-side of the registry: owns it, on the main loop, and turns what control threads ask into calls on it and
// answers to their links. A registration is answered only after the snapshot that shows it was published, so all
// workers can see it. Every method runs on the main loop; use post_* from other threads.
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "common/net/loop.h"
#include "rendezvous/control/entrance.h"
#include "rendezvous/control/registry_desk.h"
#include "rendezvous/registry/registry.h"
#include "rendezvous/relay/carrier.h"

namespace fairlead::rendezvous {

class RegistryOwner final : public RegistryDesk, EntranceAnswers {
 public:
  RegistryOwner(net::Loop& loop, SnapshotCell& routes, Registry registry, std::vector<std::string> public_addresses);

  // RegistryDesk: any thread.
  void post_hello(LinkRef link, SessionClaim claim) override;
  void post_register(LinkRef link, std::shared_ptr<Carrier> session, wire::Register request) override;
  void post_unregister(std::shared_ptr<Carrier> session, std::uint32_t claim) override;
  void post_direct(std::shared_ptr<Carrier> session, std::vector<DirectEndpoint> endpoints) override;
  void post_probe_answered(std::shared_ptr<Carrier> session) override;
  void post_closed(std::shared_ptr<Carrier> session) override;

  // Main loop.
  Registry& registry() { return registry_; }
  void replace_policy(Policy policy);
  void replace_revoked(std::set<std::string> ids);  // SPIFFE ids, all of them
  void replace_own_names(const std::vector<std::string>& names);

 private:
  // EntranceAnswers
  void on_admitted(const SessionClaim& claim) override;
  void on_refused(const SessionClaim& claim, const Refused& why) override;
  void probe(const Carrier& held) override;
  void on_superseded(const Carrier& old) override;

  void on_hello(const LinkRef& link, const SessionClaim& claim);
  void on_register(const LinkRef& link, const std::shared_ptr<Carrier>& session, const wire::Register& request);
  void on_closed(const std::shared_ptr<Carrier>& session);
  wire::Registered registered_message(const Registration& registration) const;
  void publish_soon(Task when_visible);
  void publish_soon();
  void publish();
  void on_expire_time();
  Moment moment() const;
  LinkRef link_of(const Carrier& session) const;

  net::Loop& loop_;
  SnapshotCell& routes_;
  Registry registry_;
  std::vector<std::string> public_addresses_;
  Entrance entrance_{registry_, *this};
  std::map<const Carrier*, LinkRef> links_;  // of sessions that said hello, until they are closed
  std::vector<Task> when_visible_;
  core::TimerEntry publish_timer_;
  core::TimerEntry expire_timer_;
};

}  // namespace fairlead::rendezvous
