#include "agent/session/registrations.h"

#include <algorithm>

namespace fairlead::agent {
namespace {

wire::Register request_for(const ServiceConfig& service, std::uint32_t claim) {
  return {.claim = claim,
          .service = service.name,
          .host = service.host,
          .port = service.port,
          .sni = service.sni,
          .subsets = service.subsets};
}

}  // namespace

Registrations::Registrations(const std::vector<ServiceConfig>& services) {
  replace(services, nullptr);
}

void Registrations::replace(const std::vector<ServiceConfig>& services, core::AgentSession* session) {
  std::vector<Claim> claims;
  std::vector<ServiceState> states;
  for (const ServiceConfig& service : services) {
    Claim claim{.service = service};
    ServiceState state;
    if (const auto known = find(service.name)) {
      const bool same = request_for(claims_[*known].service, 0) == request_for(service, 0);
      claim.number = std::exchange(claims_[*known].number, 0);
      if (same) state = states_[*known];
      if (same) claim.refusals = claims_[*known].refusals;
    }
    claims.push_back(std::move(claim));
    states.push_back(std::move(state));
  }
  for (const Claim& gone : claims_) {
    if (session != nullptr && gone.number != 0) session->unregister(gone.number, Reason::shutting_down);
  }
  claims_ = std::move(claims);
  states_ = std::move(states);
}

void Registrations::ask(core::AgentSession& session, TimePoint now) {
  for (std::size_t i = 0; i < claims_.size(); ++i) {
    ServiceState& state = states_[i];
    const bool due =
        state.kind == ServiceState::Kind::idle || (state.kind == ServiceState::Kind::refused && state.retry_at <= now);
    if (!due) continue;
    state.kind = ServiceState::Kind::asked;
    if (claims_[i].number == 0) claims_[i].number = ++last_number_;
    session.register_service(request_for(claims_[i].service, claims_[i].number));
  }
}

void Registrations::on_session_ended() {
  for (Claim& each : claims_) each.number = 0;
  for (ServiceState& each : states_) each = {};
  last_number_ = 0;
}

const ServiceState* Registrations::on_registered(wire::Registered& registered, const std::string& server,
                                                 WallTime wall) {
  const auto at = find(registered.claim);
  if (!at) return nullptr;
  claims_[*at].refusals.over();
  ServiceState& state = states_[*at];
  state = {.kind = ServiceState::Kind::registered, .name = std::move(registered.service), .since = wall};
  if (!registered.public_addresses.empty()) state.address = registered.public_addresses.front();
  if (state.address.empty()) state.address = server;
  state.sources = std::move(registered.sources);
  const std::size_t left_out = std::min(registered.refused_names.size(), registered.refused_reasons.size());
  for (std::size_t i = 0; i < left_out; ++i) {
    state.refused_names.push_back(registered.refused_names[i] + " (" + registered.refused_reasons[i] + ")");
  }
  return &state;
}

std::optional<Registrations::Refused> Registrations::on_refused(std::uint32_t claim, const core::Refusal& refusal,
                                                                TimePoint now, WallTime wall) {
  const auto at = find(claim);
  if (!at) return std::nullopt;
  Claim& claimed = claims_[*at];
  states_[*at] = {.kind = ServiceState::Kind::refused,
                  .reason = refusal.code,
                  .detail = refusal.detail,
                  .retry_at = now + std::max<Duration>(refusal.retry_after, 1s),
                  .since = wall};
  const bool news = claimed.refusals.is_news(refusal.code + refusal.detail, now);
  return Refused{claimed.service, news, news ? claimed.refusals.take_silent() : 0};
}

std::optional<TimePoint> Registrations::deadline() const {
  std::optional<TimePoint> due;
  for (const ServiceState& each : states_) {
    if (each.kind == ServiceState::Kind::refused) due = std::min(due.value_or(each.retry_at), each.retry_at);
  }
  return due;
}

std::optional<std::size_t> Registrations::find(std::uint32_t number) const {
  const auto at = std::ranges::find_if(claims_, [&](const Claim& each) { return each.number == number; });
  if (number == 0 || at == claims_.end()) return std::nullopt;
  return static_cast<std::size_t>(at - claims_.begin());
}

std::optional<std::size_t> Registrations::find(const std::string& name) const {
  const auto at = std::ranges::find_if(claims_, [&](const Claim& each) { return each.service.name == name; });
  return at == claims_.end() ? std::nullopt : std::optional(static_cast<std::size_t>(at - claims_.begin()));
}

}  // namespace fairlead::agent
