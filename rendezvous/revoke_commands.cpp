// `revoke` and `unrevoke`: written to the store in state_dir, then told to the server if one runs.
#include <fmt/format.h>

#include "common/base/json_writer.h"
#include "common/config/config_path.h"
#include "common/net/control_socket.h"
#include "common/net/loop.h"
#include "common/program/question.h"
#include "common/tls/private_file.h"
#include "common/tls/spiffe_id.h"
#include "rendezvous/commands.h"
#include "rendezvous/server.h"

namespace fairlead::rendezvous {
namespace {

// Of who is revoked agents are not told.
constexpr const char* kCallers =
    "note: services whose TLS ends at their agent take its calls until its certificate ends, unless their `allow` "
    "leaves it out\n";

constexpr std::string_view kProgram = "fairlead-rendezvous";

// An agent's name is its id by the names that `join` gives.
Result<std::string> spiffe_id_of(const std::string& id, std::string_view trust_domain) {
  const auto dot = id.find('.');
  const bool is_id = id.starts_with("spiffe://");
  const std::string out =
      is_id ? id : fmt::format("spiffe://{}/agent/{}/{}", trust_domain, id.substr(dot + 1), id.substr(0, dot));
  if (!tls::is_spiffe_id(out) || tls::trust_domain_of(out) != trust_domain)
    return fail(Reason::config_invalid,
                fmt::format("{}: allowed: ids of this mesh, spiffe://{}/...", id, trust_domain));
  return out;
}

Result<bool> write(const RevokeCommand& command, const std::string& id, const RendezvousConfig& config) {
  if (auto ready = tls::check_writable(config.server.state_dir); !ready) return tl::unexpected(ready.error());
  const auto store = JoinStore::open(config.server.state_dir);
  if (!store) return tl::unexpected(store.error());
  if (command.act == RevokeAct::revoke) return (*store)->revoke_identity(id, net::wall_now());
  auto found = (*store)->unrevoke_identity(id);
  if (found && !*found) return fail(Reason::device_unknown, id + " is not revoked");
  return found;
}

// A server that does not run reads the list when it starts.
Result<bool> tell_server(const RendezvousConfig& config) {
  const auto told = net::query_control(config.server.admin_path, kRevocationsPage, program::kAnswerPatience);
  if (!told) return told.error().reason == Reason::not_running ? Result<bool>(false) : tl::unexpected(told.error());
  if (told->status != net::kWellStatus) return fail(Reason::io_failed, "the server answered " + told->body);
  return true;
}

}  // namespace

int run_command(const RevokeCommand& command) {
  const auto loaded = load_config(config::find_config(command.config, kConfigFile).file);
  if (!loaded) return config::complain(kProgram, loaded.error());
  const auto& identity = loaded->config.identity;
  const auto credentials = tls::Credentials::load({identity.cert, identity.key, identity.ca});
  if (!credentials) return config::complain(kProgram, credentials.error());
  const auto id = spiffe_id_of(command.id, (*credentials)->trust_domain());
  if (!id) return config::complain(kProgram, id.error());
  if (const auto written = write(command, *id, loaded->config); !written)
    return config::complain(kProgram, written.error());
  const auto told = tell_server(loaded->config);
  if (!told) return config::complain(kProgram, told.error());
  config::Answer out;
  const bool revoke = command.act == RevokeAct::revoke;
  const std::string_view word = revoke ? "revoked" : "unrevoked";
  out.out = command.format == config::AnswerFormat::json
                ? JsonWriter().begin_object().field(word, *id).field("told", *told).end_object().take() + "\n"
                : fmt::format("{} {}\n", *id, revoke ? "is revoked" : "is let in again");
  if (!*told) out.err = "note: no server runs; it knows when it starts\n";
  if (revoke) out.err += kCallers;
  return config::print(out);
}

}  // namespace fairlead::rendezvous
