#pragma once
// The rendezvous server's command line as plain values. Only cli.cpp knows CLI11. Called once by main, before threads.
#include <cstddef>
#include <string>
#include <variant>
#include <vector>

#include "common/base/ip.h"
#include "common/base/time.h"
#include "common/config/command_line.h"
#include "common/config/explain.h"
#include "rendezvous/ca/leaf_days.h"

namespace fairlead::rendezvous {

inline constexpr std::string_view kConfigFile = "rendezvous.toml";

struct RunCommand {
  std::string config;  // here and below: the file that an option named; empty: the usual one
};
struct CheckCommand {
  std::string config;
};
struct CaInitCommand {
  std::string dir;
  std::string trust_domain;
};
struct CaIssueCommand {
  std::string dir;
  std::string id;  // spiffe://TD/...
  std::vector<std::string> dns;
  std::vector<IpAddress> ips;
  int days = kDefaultLeafDays;
  std::string out;  // prefix: OUT.crt, OUT.key
};
enum class StatusView : std::uint8_t { summary, agents, services, relays };
struct StatusCommand {
  StatusView view = StatusView::summary;
  std::string agent;      // glob; empty: any
  std::string service;    // glob; empty: any
  std::size_t limit = 0;  // 0: the server's own
  std::string config;     // at most one of the two is set; neither: that of the usual file, else the default path
  std::string socket;
  config::AnswerFormat format = config::AnswerFormat::text;
};
struct ExplainCommand {
  std::string code;  // empty: all
  config::AnswerFormat format = config::AnswerFormat::text;
};

struct SetupCommand {
  std::string host;          // a DNS name or an IP literal
  std::uint16_t port = 0;    // 0: 443 where it is free, else 15443
  std::string trust_domain;  // empty: by the host
  std::string cluster = "home";
  std::string dir;  // empty: where configurations are
};
enum class TokenAct : std::uint8_t { create, list, revoke };
struct TokenCommand {
  TokenAct act = TokenAct::list;
  std::string config;
  std::string id;       // of revoke
  std::string cluster;  // empty: signer.cluster
  std::string name = "*";
  std::vector<std::string> services;  // none: *.CLUSTER
  std::int64_t uses = 1;
  Duration ttl = 15min;
  config::AnswerFormat format = config::AnswerFormat::text;
};

enum class RevokeAct : std::uint8_t { revoke, unrevoke };
struct RevokeCommand {
  RevokeAct act = RevokeAct::revoke;
  std::string id;  // ENDPOINT.CLUSTER or a SPIFFE id
  std::string config;
  config::AnswerFormat format = config::AnswerFormat::text;
};

using Command = std::variant<RunCommand, CheckCommand, CaInitCommand, CaIssueCommand, SetupCommand, TokenCommand,
                             RevokeCommand, StatusCommand, ExplainCommand>;

struct CommandLine {
  Command command;
  config::LogOptions log;
};

// What to do, or what to print and the exit code: --help and --version (0), unusable arguments (2).
std::variant<CommandLine, config::Answer> parse_command_line(int argc, const char* const* argv);

}  // namespace fairlead::rendezvous
