// The part of Server that a reload and renewed identity files change.
#include <fmt/format.h>

#include "common/base/log.h"
#include "common/net/socket.h"
#include "common/tls/time_text.h"
#include "rendezvous/server.h"
#include "rendezvous/setting/reload.h"

namespace fairlead::rendezvous {
namespace {

tls::IdentityFiles files_of(const IdentityConfig& identity) {
  return {identity.cert, identity.key, identity.ca};
}

constexpr int kCannot = 500;

void refuse_reload(const Error& error) {
  log(Level::error, "reload refused; the running configuration stays", {{"detail", error.detail}});
}

}  // namespace

void Server::reload() {
  auto loaded = load_config(config_path_);
  if (!loaded) return refuse_reload(loaded.error());
  auto credentials = tls::Credentials::load(files_of(loaded->config.identity));
  if (!credentials) return refuse_reload(credentials.error());
  Reload planned = plan_reload(read_, std::move(loaded->config));
  for (const std::string& key : planned.for_restart) {
    log(Level::warn, "this key needs a restart; its old value stays", {{"key", key}});
  }
  const auto budget = descriptor_budget(planned.config);
  if (!budget) return refuse_reload(budget.error());
  const bool moved = planned.config.identity != config_.identity;
  read_ = std::move(planned.config);
  config_ = completed(read_, *budget);
  if (moved) watch_identity();
  apply_settings();
  apply_credentials(std::move(*credentials));
  registry_.replace_policy(Policy(config_.policy, std::string(credentials_->trust_domain())));
  log(Level::info, "reloaded");
}

void Server::apply_settings() {
  shared_.access_log.set_mode(config_.log.access);
  shared_.gauges.apply(config_.limits);
  shared_.relay_budget.set_max(config_.limits.relay_memory);
  handshakes_.apply(config_.limits);
  for (const auto& worker : workers_) {
    worker->post([each = worker.get(), limits = config_.limits] { each->apply(limits); });
  }
  for (const auto& control : controls_) {
    control->post([each = control.get(), limits = config_.limits] { each->apply(limits); });
  }
}

// The files that the configuration names now.
void Server::watch_identity() {
  identity_watch_ = std::make_unique<net::FileWatch>(
      loop_, std::array{config_.identity.cert, config_.identity.key, config_.identity.ca}, [this] {
        auto credentials = tls::Credentials::load(files_of(config_.identity));
        if (credentials) return apply_credentials(std::move(*credentials));
        log(Level::error, "identity files changed and cannot be used; the old identity stays",
            {{"detail", credentials.error().detail}});
      });
}

// `revoke` and `unrevoke` have written to the store, which no loop that serves waits for.
void Server::read_revoked_again(net::ControlServer::Answer answer) {
  join_thread_.post_revoked([this, answer = std::move(answer)](Result<std::vector<std::string>> found) {
    loop_.post([this, ids = std::move(found), answer] {
      if (!ids) {
        log(Level::error, "the list of the revoked cannot be read; the one that is known stays",
            {{"reason", reason_code(ids.error().reason)}, {"detail", ids.error().detail}});
        return answer({.status = kCannot, .body = "{\"error\":\"the list cannot be read; see the log\"}\n"});
      }
      apply_revoked(*ids);
      answer({.body = fmt::format("{{\"revoked\":{}}}\n", ids->size())});
    });
  });
}

// Sessions and ways go first, then what was carried by them.
void Server::apply_revoked(const std::vector<std::string>& ids) {
  const std::set<std::string> all(ids.begin(), ids.end());
  registry_.replace_revoked(all);
  for (const auto& worker : workers_) {
    worker->post([each = worker.get(), its = all]() mutable { each->replace_revoked(std::move(its)); });
  }
  log(Level::info, "revocations loaded", {{"revoked", ids.size()}});
}

void Server::apply_credentials(std::shared_ptr<const tls::Credentials> credentials) {
  credentials_ = std::move(credentials);
  for (const auto& control : controls_) {
    control->post([each = control.get(), fresh = credentials_] { each->replace_credentials(fresh); });
  }
  join_thread_.replace(join_facts(config_.server, *credentials_));
  registry_.replace_own_names(own_names(config_, *credentials_));
  log(Level::info, "identity loaded",
      {{"id", credentials_->spiffe_id()}, {"not_after", tls::time_text(credentials_->not_after())}});
}

}  // namespace fairlead::rendezvous
