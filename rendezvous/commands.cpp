#include "rendezvous/commands.h"

#include <fmt/format.h>

#include <cstdio>

#include "common/base/log.h"
#include "common/net/control_socket.h"
#include "rendezvous/ca/ca.h"
#include "rendezvous/server.h"

namespace fairlead::rendezvous {
namespace {

constexpr Duration kStatusPatience = 10s;

int complain(const Error& error) {
  return config::complain("fairlead-rendezvous", error);
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
  auto loaded = load_config(command.config);
  if (!loaded) return complain(loaded.error());
  auto server = Server::open(std::move(loaded->config), command.config);
  if (!server) return complain(server.error());
  (*server)->run();
  return config::kExitSuccess;
}

int run_command(const CheckCommand& command) {
  const auto loaded = load_config(command.config);
  if (!loaded) return complain(loaded.error());
  if (const auto files = check_files(loaded->config, command.config); !files) {
    return complain(files.error());
  }
  const IdentityConfig& identity = loaded->config.identity;
  const auto credentials = tls::Credentials::load({identity.cert, identity.key, identity.ca});
  if (!credentials) return complain(credentials.error());
  for (const std::string& warning : (*credentials)->warnings()) fmt::print(stderr, "warning: {}\n", warning);
  if ((*credentials)->not_after() <= net::wall_now()) {
    return complain({Reason::config_invalid, identity.cert + ": the certificate has expired; issue a new one"});
  }
  fmt::print("{}: usable, identity {} until {}\n", command.config, (*credentials)->spiffe_id(),
             format_time((*credentials)->not_after()));
  return config::kExitSuccess;
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
  fmt::print("{} issued until {}\ncert {}\nkey  {}\nca   {}\n", command.id, format_time(issued->not_after),
             issued->cert.string(), issued->key.string(), issued->ca.string());
  return config::kExitSuccess;
}

int run_command(const StatusCommand& command) {
  std::string socket = command.socket;
  if (socket.empty() && command.config.empty()) socket = ServerConfig{}.admin_path;
  if (socket.empty()) {
    const auto loaded = load_config(command.config);
    if (!loaded) return complain(loaded.error());
    socket = loaded->config.server.admin_path;
  }
  if (socket.starts_with("unix:")) socket.erase(0, 5);
  const auto answer = net::query_control(socket, status_query(command), kStatusPatience);
  if (!answer) {
    return complain(answer.error());
  }
  std::fwrite(answer->body.data(), 1, answer->body.size(), stdout);
  return answer->status == 200 ? config::kExitSuccess : config::kExitFailed;
}

int run_command(const ExplainCommand& command) {
  return config::print(config::explain(command.code, command.format));
}

}  // namespace fairlead::rendezvous
