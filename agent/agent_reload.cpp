// The part of Agent that takes on a changed configuration and changed identity files, without a cut.
#include <array>

#include "agent/agent.h"
#include "agent/setting/reload.h"
#include "common/base/log.h"
#include "common/wire/alpn.h"

namespace fairlead::agent {
namespace {

tls::IdentityFiles files_of(const IdentityConfig& identity) {
  return {identity.cert, identity.key, identity.ca};
}

}  // namespace

Result<Agent::Identities> Agent::load_identities(const AgentConfig& config) {
  auto own = tls::Credentials::load(files_of(config.identity));
  if (!own) return tl::unexpected(own.error());
  auto of_services = load_service_credentials(config);
  if (!of_services) return tl::unexpected(of_services.error());
  return Identities{std::move(*own), std::move(*of_services)};
}

void Agent::watch_identity() {
  identity_watches_.clear();
  const auto watch = [this](const std::string& cert, const std::string& key) {
    identity_watches_.push_back(std::make_unique<net::FileWatch>(loop_, std::array{cert, key, config_.identity.ca},
                                                                 [this] { reload_identity(); }));
  };
  watch(config_.identity.cert, config_.identity.key);
  for (const ServiceConfig& service : config_.services) {
    if (!service.cert.empty()) watch(service.cert, service.key);
  }
}

void Agent::reload_identity() {
  auto identities = load_identities(config_);
  if (identities) {
    adopt(std::move(*identities));
    return;
  }
  log(Level::error, "identity files changed and cannot be used; the old identity stays",
      {{"detail", identities.error().detail}});
}

void Agent::replace_terminations(ServiceCredentials of_services) {
  tools_.terminations.replace(config_.services, {.own = credentials_,
                                                 .of_services = std::move(of_services),
                                                 .cluster = tools_.cluster,
                                                 .clock = [this] { return tools_.wall_now(); }});
}

// A thread that was begun stays, for calls that are still carried.
void Agent::look_at_calls() {
  if (!calls_ && config_.egress.empty() && !config_.proxy) return;
  if (!calls_) {
    auto calls = std::make_unique<CallThread>(tools_.room, counters_, descriptors_);
    if (const auto started = calls->start(); !started) {
      calls_problem_ = started.error();
      return log(Level::error, "no egress and no proxy", {{"detail", calls_problem_->detail}});
    }
    calls_problem_.reset();
    calls_ = std::move(calls);
  }
  calls_->apply(config_, credentials_, tools_.clock);
}

// A new identity is shown in new sessions; the same one once more ends none.
bool Agent::adopt(Identities identities) {
  const auto& own = identities.own;
  const bool same = own->leaf_hash() == credentials_->leaf_hash() && own->ca_hash() == credentials_->ca_hash();
  if (!same) {
    credentials_ = own;
    late_line_.close();
    tools_.clock.on_certificate({credentials_->not_before(), credentials_->not_after()});
  }
  replace_terminations(std::move(identities.of_services));
  renewer_.use(credentials_);
  if (same) return false;
  tls_context_ = make_context(wire::kSessionAlpn);
  verify_context_ = make_context(wire::kVerifyAlpn);
  look_at_calls();
  direct_.replace_credentials(credentials_, [this] { return tools_.wall_now(); });
  log(Level::info, "identity loaded", {{"id", credentials_->spiffe_id()}});
  renew_sessions();
  return true;
}

void Agent::renew_sessions() {
  for (const auto& link : links_) link->renew();
}

void Agent::on_hangup() {
  if (config_path_.empty()) return;
  const auto reloaded = reload();
  if (reloaded) return;
  log(Level::error, "reload refused; the running configuration stays", {{"detail", reloaded.error().detail}});
}

Result<void> Agent::reload() {
  auto loaded = load_config(config_path_);
  if (!loaded) return tl::unexpected(loaded.error());
  auto identities = load_identities(loaded->config);
  if (!identities) return tl::unexpected(identities.error());
  Reload planned = plan_reload(config_, std::move(loaded->config));
  for (const std::string& key : planned.for_restart) {
    log(Level::warn, "this key needs a restart; its old value stays", {{"key", key}});
  }
  const bool moved = planned.config.identity != config_.identity || planned.config.services != config_.services;
  // What a session says at its begin, only another session can say.
  const bool anew = planned.config.pool != config_.pool ||
                    planned.config.limits.ping_interval != config_.limits.ping_interval ||
                    planned.config.rendezvous_networks != config_.rendezvous_networks;
  config_ = std::move(planned.config);
  if (moved) watch_identity();
  for (const auto& link : links_) link->services_changed();
  direct_.services_changed();
  look_at_calls();
  arm_tick();
  if (!adopt(std::move(*identities)) && anew) renew_sessions();
  log(Level::info, "reloaded");
  return {};
}

}  // namespace fairlead::agent
