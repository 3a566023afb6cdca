// Registry, the part that decides who may have a session.
#include <fmt/format.h>

#include "common/base/check.h"
#include "rendezvous/registry/registry.h"

namespace fairlead::rendezvous {
namespace {

tl::unexpected<Refused> denied(Reason reason, std::string detail) {
  return tl::unexpected<Refused>(Refused{reason, kDeniedRetryAfter, std::move(detail)});
}

// What the agent said, else what policy captured from its certificate.
std::optional<std::string> chosen(const std::string& said, std::optional<std::string> captured) {
  if (said.empty()) return captured;
  std::string name = normalize_name(said);
  return is_label(name) ? std::optional(std::move(name)) : std::nullopt;
}

}  // namespace

tl::expected<Registry::Candidate, Refused> Registry::check_claim(const SessionClaim& claim) const {
  if (revoked_.contains(claim.spiffe_id)) return denied(Reason::identity_revoked, "");
  std::optional<Grant> grant = policy_.match(claim.spiffe_id);
  if (!grant) return denied(Reason::policy_denied, fmt::format("no policy matches {}", claim.spiffe_id));
  const auto endpoint = chosen(claim.endpoint, grant->default_endpoint());
  const auto cluster = chosen(claim.cluster, grant->default_cluster());
  if (!endpoint || !cluster) {
    const bool names_endpoint = endpoint.has_value();
    return denied(Reason::config_invalid,
                  fmt::format("{} \"{:.64}\" is not one DNS label, and the certificate gives none",
                              names_endpoint ? "cluster" : "name", names_endpoint ? claim.cluster : claim.endpoint));
  }
  if (!grant->may_be(*endpoint)) {
    return denied(Reason::policy_denied, fmt::format("{} may not be endpoint {}", claim.spiffe_id, *endpoint));
  }
  return Candidate{{claim.spiffe_id, *endpoint}, *cluster, std::move(*grant)};
}

Admission Registry::admit(const SessionClaim& claim, Moment now) {
  CHECK(claim.session && !by_session_.contains(claim.session.get()));
  auto candidate = check_claim(claim);
  if (!candidate) return candidate.error();
  const auto held = sessions_.find(candidate->key);
  if (held == sessions_.end()) return enter(claim, std::move(*candidate), now);
  switch (core::decide_takeover(held->second.generation, {claim.boot_id, claim.counter})) {
    case core::Takeover::replace:
      return take_over(held, claim, std::move(*candidate), now);
    case core::Takeover::probe_old:
      return ProbeOld{held->second.carrier()};
    case core::Takeover::refuse_stale:
      break;
  }
  return Refused{Reason::superseded, Duration::zero(), "a newer session of the same agent is here"};
}

Admission Registry::admit_probed(const SessionClaim& claim, const std::shared_ptr<Carrier>& probed,
                                 ProbeOutcome outcome, Moment now) {
  auto candidate = check_claim(claim);  // policy may have changed during the probe
  if (!candidate) return candidate.error();
  const auto held = sessions_.find(candidate->key);
  if (held == sessions_.end() || held->second.carrier() != probed) return admit(claim, now);
  if (outcome == ProbeOutcome::silent) return take_over(held, claim, std::move(*candidate), now);
  SessionRecord more = *held->second.record;
  ++more.duplicates_refused;
  record(held->second, std::move(more));
  ++duplicates_refused_;
  return Refused{Reason::duplicate_identity, core::kDuplicateRetryAfter,
                 fmt::format("{} is here as endpoint {} from another start", claim.spiffe_id, candidate->key.endpoint)};
}

Admission Registry::enter(const SessionClaim& claim, Candidate candidate, Moment now) {
  Admitted admitted{candidate.key.endpoint, candidate.cluster};
  const auto [at, added] =
      sessions_.emplace(candidate.key, Session{.generation = {claim.boot_id, claim.counter},
                                               .grant = std::move(candidate.grant),
                                               .record = nullptr,
                                               .services = {},
                                               .ways = std::make_shared<const Ways>(std::vector<DirectEndpoint>())});
  record(at->second, {.id = candidate.key.spiffe_id + " " + candidate.key.endpoint,
                      .spiffe_id = std::move(candidate.key.spiffe_id),
                      .endpoint = std::move(candidate.key.endpoint),
                      .cluster = std::move(candidate.cluster),
                      .since = now.wall,
                      .about = claim.about,
                      .session = claim.session});
  CHECK(added && by_session_.emplace(claim.session.get(), at).second);
  return admitted;
}

void Registry::record(Session& session, SessionRecord about) {
  session.record = std::make_shared<const SessionRecord>(std::move(about));
  records_.put(session.record);
}

Admission Registry::take_over(Sessions::iterator held, const SessionClaim& claim, Candidate candidate, Moment now) {
  ++takeovers_;
  std::shared_ptr<Carrier> old = evict(held, now.steady, route::Departure::lost);
  TookOver result{candidate.key.endpoint, candidate.cluster, std::move(old)};
  enter(claim, std::move(candidate), now);
  return result;
}

std::shared_ptr<Carrier> Registry::evict(Sessions::iterator at, TimePoint now, route::Departure how) {
  for (const auto& [service, endpoint] : at->second.services) withdraw(endpoint, now, how);
  std::shared_ptr<Carrier> session = at->second.carrier();
  records_.remove(at->second.record->id);
  by_session_.erase(session.get());
  sessions_.erase(at);
  return session;
}

bool Registry::close_session(const Carrier& session, TimePoint now) {
  const auto found = by_session_.find(&session);
  if (found == by_session_.end()) return false;
  evict(found->second, now, route::Departure::lost);
  return true;
}

}  // namespace fairlead::rendezvous
