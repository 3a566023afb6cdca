#include "rendezvous/commands.h"

#include <fmt/format.h>

#include <cstdio>

#include "common/base/log.h"
#include "common/config/config_path.h"
#include "common/net/loop.h"
#include "common/program/check.h"
#include "common/program/question.h"
#include "common/tls/time_text.h"
#include "common/wire/http_head.h"
#include "rendezvous/ca/ca.h"
#include "rendezvous/server.h"

namespace fairlead::rendezvous {
namespace {

constexpr std::string_view kProgram = "fairlead-rendezvous";
constexpr std::size_t kLogQueue = 4 * 1024 * 1024;  // bytes of lines that wait for stderr: `access = "all"` in a burst

int complain(const Error& error) {
  return config::complain(kProgram, error);
}

std::string status_query(const StatusCommand& command) {
  static constexpr std::string_view kPages[] = {"/status", "/status/agents", "/status/services", "/status/relays"};
  std::string query(kPages[static_cast<std::size_t>(command.view)]);
  query += command.format == config::AnswerFormat::json ? "?format=json" : "?format=text";
  if (!command.agent.empty()) query += "&agent=" + wire::percent_encode(command.agent);
  if (!command.service.empty()) query += "&service=" + wire::percent_encode(command.service);
  if (command.limit > 0) query += fmt::format("&limit={}", command.limit);
  return query;
}

}  // namespace

int run_command(const RunCommand& command) {
  const std::string file = config::find_config(command.config, kConfigFile).file;
  auto loaded = load_config(file);
  if (!loaded) return complain(loaded.error());
  start_log_writer(kLogQueue);
  auto server = Server::open(std::move(loaded->config), file);
  if (!server) return complain(server.error());
  if (const auto ran = (*server)->run(); !ran) return complain(ran.error());
  return config::kExitSuccess;
}

int run_command(const CheckCommand& command) {
  const std::string file = config::find_config(command.config, kConfigFile).file;
  const auto loaded = load_config(file);
  if (!loaded) return complain(loaded.error());
  if (const auto files = check_files(loaded->config, file); !files) {
    return complain(files.error());
  }
  return program::check_identity(kProgram, file, loaded->config.identity, net::wall_now());
}

int run_command(const CaInitCommand& command) {
  const auto made = ca_init({.dir = command.dir, .trust_domain = command.trust_domain, .now = net::wall_now()});
  if (!made) return complain(made.error());
  fmt::print("CA for {} made in {}\ntrust this bundle: {}/ca.crt\nkeep {}/root.key offline once agents are issued\n",
             command.trust_domain, command.dir, command.dir, command.dir);
  return config::kExitSuccess;
}

int run_command(const CaIssueCommand& command) {
  const auto issued = ca_issue({.dir = command.dir,
                                .id = command.id,
                                .dns_names = command.dns,
                                .ip_addresses = command.ips,
                                .days = command.days,
                                .out = command.out,
                                .now = net::wall_now()});
  if (!issued) return complain(issued.error());
  fmt::print("{} issued until {}\ncert {}\nkey  {}\nca   {}\n", command.id, tls::time_text(issued->not_after),
             issued->cert.string(), issued->key.string(), issued->ca.string());
  return config::kExitSuccess;
}

int run_command(const StatusCommand& command) {
  std::string socket = command.socket;
  const config::ConfigPath path = config::find_config(command.config, kConfigFile);
  if (socket.empty() && config::is_absent(path)) socket = ServerConfig{}.admin_path;
  if (socket.empty()) {
    const auto loaded = load_config(path.file);
    if (!loaded) return complain(loaded.error());
    socket = loaded->config.server.admin_path;
  }
  return program::ask(kProgram, socket, status_query(command));
}

int run_command(const ExplainCommand& command) {
  return config::print(config::explain(command.code, command.format));
}

}  // namespace fairlead::rendezvous
