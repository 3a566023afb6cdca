#include "rendezvous/control/registry_owner.h"

namespace fairlead::rendezvous {
namespace {
// A storm of registrations is published in batches: workers reload at most this often.
constexpr Duration kPublishEvery = 5ms;
constexpr Duration kExpireEvery = 60s;
}  // namespace

RegistryOwner::RegistryOwner(net::Loop& loop, SnapshotCell& routes, Registry registry,
                             std::vector<std::string> public_addresses)
    : loop_(loop),
      routes_(routes),
      registry_(std::move(registry)),
      public_addresses_(std::move(public_addresses)),
      publish_timer_([](void* self) { static_cast<RegistryOwner*>(self)->publish(); }, this),
      expire_timer_([](void* self) { static_cast<RegistryOwner*>(self)->on_expire_time(); }, this) {
  loop_.timers().arm(expire_timer_, loop_.now() + kExpireEvery);
}

Moment RegistryOwner::moment() const {
  return {loop_.now(), net::wall_now()};
}

void RegistryOwner::post_hello(LinkRef link, SessionClaim claim) {
  loop_.post([this, link, claim = std::move(claim)] { on_hello(link, claim); });
}

void RegistryOwner::post_register(LinkRef link, std::shared_ptr<Carrier> session, wire::Register request) {
  loop_.post([this, link, session = std::move(session), request = std::move(request)] {
    on_register(link, session, request);
  });
}

void RegistryOwner::post_unregister(std::shared_ptr<Carrier> session, std::uint32_t claim) {
  loop_.post([this, session = std::move(session), claim] {
    if (registry_.unregister(*session, claim, loop_.now())) publish_soon();
  });
}

void RegistryOwner::post_direct(std::shared_ptr<Carrier> session, std::vector<DirectEndpoint> endpoints) {
  loop_.post([this, session = std::move(session), endpoints = std::move(endpoints)]() mutable {
    registry_.set_direct(*session, std::move(endpoints));
  });
}

void RegistryOwner::post_probe_answered(std::shared_ptr<Carrier> session) {
  loop_.post([this, session = std::move(session)] { entrance_.on_probe_answered(session, moment()); });
}

void RegistryOwner::post_closed(std::shared_ptr<Carrier> session) {
  loop_.post([this, session = std::move(session)] { on_closed(session); });
}

void RegistryOwner::on_hello(const LinkRef& link, const SessionClaim& claim) {
  links_[claim.session.get()] = link;
  entrance_.on_hello(claim, moment());
}

void RegistryOwner::on_admitted(const SessionClaim& claim) {
  link_of(*claim.session).tell([](SessionEnd& to) { to.on_admitted(); });
}

void RegistryOwner::on_refused(const SessionClaim& claim, const Refused& why) {
  link_of(*claim.session).tell([why](SessionEnd& to) { to.on_refused(why.reason, why.retry_after, why.detail); });
}

void RegistryOwner::probe(const Carrier& held) {
  link_of(held).tell([](SessionEnd& old) { old.probe(core::kTakeoverProbe); });
}

void RegistryOwner::on_superseded(const Carrier& old) {
  link_of(old).tell([](SessionEnd& to) { to.on_refused(Reason::superseded, 0s, "a newer session took over"); });
  publish_soon();
}

void RegistryOwner::on_closed(const std::shared_ptr<Carrier>& session) {
  if (entrance_.on_closed(session, moment())) publish_soon();
  links_.erase(session.get());
}

void RegistryOwner::on_register(const LinkRef& link, const std::shared_ptr<Carrier>& session,
                                const wire::Register& request) {
  const auto registered = registry_.register_service(*session, request, moment());
  if (!registered) {
    const Duration retry = registered.error().reason == Reason::name_taken ? kNameTakenRetryAfter : kDeniedRetryAfter;
    link.tell([claim = request.claim, error = registered.error(), retry](SessionEnd& to) {
      to.on_claim_refused(claim, error.reason, retry, error.detail);
    });
    return;
  }
  publish_soon([link, message = registered_message(*registered)] {
    link.tell([message](SessionEnd& to) { to.on_registered(message); });
  });
}

wire::Registered RegistryOwner::registered_message(const Registration& registration) const {
  const Endpoint& endpoint = *registration.endpoint;
  wire::Registered message;
  message.claim = endpoint.claim;
  message.service = endpoint.service;
  message.public_addresses = public_addresses_;
  for (const Cidr& source : endpoint.sources) message.sources.push_back(source.to_string());
  for (const RefusedName& each : registration.refused) {
    message.refused_names.push_back(each.name);
    message.refused_reasons.emplace_back(reason_code(each.reason));
  }
  return message;
}

void RegistryOwner::publish_soon(Task when_visible) {
  when_visible_.push_back(std::move(when_visible));
  publish_soon();
}

void RegistryOwner::publish_soon() {
  if (!publish_timer_.armed()) loop_.timers().arm(publish_timer_, loop_.now() + kPublishEvery);
}

void RegistryOwner::publish() {
  if (auto snapshot = registry_.publish()) routes_.publish(std::move(snapshot));
  std::vector<Task> visible;
  visible.swap(when_visible_);
  for (Task& task : visible) task();
}

void RegistryOwner::on_expire_time() {
  registry_.expire(loop_.now());
  publish_soon();
  loop_.timers().arm(expire_timer_, loop_.now() + kExpireEvery);
}

LinkRef RegistryOwner::link_of(const Carrier& session) const {
  return links_.at(&session);
}

void RegistryOwner::replace_policy(Policy policy) {
  const PolicyChange change = registry_.replace_policy(std::move(policy), loop_.now());
  for (const EndpointPtr& endpoint : change.withdrawn) {
    link_of(*endpoint->carrier).tell([claim = endpoint->claim](SessionEnd& link) {
      link.on_claim_refused(claim, Reason::policy_denied, kDeniedRetryAfter, "the policy was changed");
    });
  }
  for (const Registration& each : change.updated) {
    link_of(*each.endpoint->carrier).tell([message = registered_message(each)](SessionEnd& link) {
      link.on_registered(message);
    });
  }
  for (const auto& session : change.denied) {  // its link counts the session's end
    link_of(*session).tell(
        [](SessionEnd& link) { link.on_refused(Reason::policy_denied, kDeniedRetryAfter, "the policy was changed"); });
  }
  publish_soon();
}

void RegistryOwner::replace_revoked(std::set<std::string> ids) {
  for (const auto& session : registry_.replace_revoked(std::move(ids), loop_.now())) {  // its link counts its end
    link_of(*session).tell([](SessionEnd& link) { link.on_refused(Reason::identity_revoked, kDeniedRetryAfter, ""); });
  }
  publish_soon();
}

void RegistryOwner::replace_own_names(const std::vector<std::string>& names) {
  registry_.replace_own_names(names);
  publish_soon();
}

}  // namespace fairlead::rendezvous
