// `token create`, `list` and `revoke`: on the store in state_dir, whether a server runs or not.
#include <fmt/format.h>

#include <cstdio>

#include "common/base/json_writer.h"
#include "common/config/config_path.h"
#include "common/crypto/system_rng.h"
#include "common/net/loop.h"
#include "common/tls/private_file.h"
#include "common/tls/time_text.h"
#include "rendezvous/commands.h"
#include "rendezvous/join/new_token.h"

namespace fairlead::rendezvous {
namespace {

constexpr std::string_view kProgram = "fairlead-rendezvous";

Result<std::unique_ptr<JoinStore>> open_store(const RendezvousConfig& config) {
  if (auto ready = tls::check_writable(config.server.state_dir); !ready) return tl::unexpected(ready.error());
  return JoinStore::open(config.server.state_dir);
}

Result<config::Answer> create(const TokenCommand& command, const RendezvousConfig& config, JoinStore& store) {
  const auto credentials = tls::Credentials::load({config.identity.cert, config.identity.key, config.identity.ca});
  if (!credentials) return tl::unexpected(credentials.error());
  crypto::SystemRng rng;
  const auto token = new_token(config.server, **credentials, rng);
  if (!token) return tl::unexpected(token.error());
  TokenRecord record;
  record.id = token->id;
  record.cluster = command.cluster.empty() ? config.signer.cluster : command.cluster;
  record.name = command.name;
  record.services = command.services;
  if (record.services.empty()) record.services = {"*." + record.cluster};
  record.uses_left = command.uses;
  record.expires = net::wall_now() + std::chrono::duration_cast<std::chrono::seconds>(command.ttl);
  if (auto kept = store.add(record, token->secret); !kept) return tl::unexpected(kept.error());

  config::Answer out;
  const std::string text = wire::write_join_token(*token);
  const std::string id = wire::join_token_id_text(record.id);
  const std::string expires = tls::time_text(record.expires);
  if (command.format == config::AnswerFormat::json) {
    JsonWriter json;
    json.begin_object().field("token", text).field("id", id).field("expires", expires);
    out.out = json.field("uses", record.uses_left).end_object().take() + "\n";
  } else {
    out.out = text + "\n";
    out.err =
        fmt::format("token {}: cluster {}, names {}, {} use(s), until {}\non the device: fairlead-agent join TOKEN\n",
                    id, record.cluster, record.name, record.uses_left, expires);
  }
  if (config.signer.mode == SignerMode::none)
    out.err += "note: [signer] mode is \"none\"; nobody can join until it is set and the server restarted\n";
  return out;
}

Result<config::Answer> list(const TokenCommand& command, JoinStore& store) {
  const auto tokens = store.list(net::wall_now());
  if (!tokens) return tl::unexpected(tokens.error());
  config::Answer out;
  JsonWriter json;
  json.begin_object().key("tokens").begin_array();
  for (const TokenRecord& each : *tokens) {
    const std::string id = wire::join_token_id_text(each.id);
    const std::string expires = tls::time_text(each.expires);
    json.begin_object().field("id", id).field("cluster", each.cluster).field("name", each.name);
    json.field("uses_left", each.uses_left).field("expires", expires).end_object();
    out.out += fmt::format("{}  cluster {}  names {}  uses left {}  until {}\n", id, each.cluster, each.name,
                           each.uses_left, expires);
  }
  json.end_array().end_object();
  if (command.format == config::AnswerFormat::json) out.out = json.take() + "\n";
  return out;
}

Result<config::Answer> revoke(const TokenCommand& command, JoinStore& store) {
  const auto id = wire::parse_join_token_id(command.id);
  if (!id) return fail(Reason::token_unknown, id.error().detail);
  if (auto gone = store.revoke(*id); !gone) return tl::unexpected(gone.error());
  config::Answer out;
  out.out = command.format == config::AnswerFormat::json ? fmt::format("{{\"revoked\":\"{}\"}}\n", command.id)
                                                         : fmt::format("{} revoked\n", command.id);
  return out;
}

}  // namespace

Result<config::Answer> answer_token(const TokenCommand& command) {
  const auto loaded = load_config(config::find_config(command.config, kConfigFile).file);
  if (!loaded) return tl::unexpected(loaded.error());
  const auto store = open_store(loaded->config);
  if (!store) return tl::unexpected(store.error());
  if (command.act == TokenAct::create) return create(command, loaded->config, **store);
  return command.act == TokenAct::list ? list(command, **store) : revoke(command, **store);
}

int run_command(const TokenCommand& command) {
  const auto answer = answer_token(command);
  return answer ? config::print(*answer) : config::complain(kProgram, answer.error());
}

}  // namespace fairlead::rendezvous
