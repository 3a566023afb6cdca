#include "rendezvous/setting/cli.h"

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <sstream>

#include "common/base/pattern.h"
#include "common/base/version.h"
#include "common/config/config_path.h"
#include "common/config/fields.h"
#include "common/config/units.h"
#include "common/config/usage.h"
#include "rendezvous/ca/leaf_days.h"

namespace fairlead::rendezvous {
namespace {

constexpr std::string_view kProgram = "fairlead-rendezvous";
constexpr std::string_view kAbout =
    "Relays TLS connections of mesh clients to agents behind NATs and firewalls; holds no keys of that traffic.\n"
    "Exit codes: 0 success, 1 failed at run time, 2 unusable arguments or configuration,\n"
    "3 status answered and something is not well.";
constexpr std::int64_t kMaxListed = 1'000'000;
constexpr std::int64_t kMaxUses = 1'000'000;
constexpr Duration kMaxTtl = std::chrono::days(3650);

// What CLI11 writes into while it parses.
struct Arguments {
  config::LogWords log;
  std::string config;
  std::string config_dir;
  std::string socket;
  std::string code;
  bool json = false;

  std::string dir, trust_domain, id, out;
  std::vector<std::string> dns, ips;
  std::int64_t days = kDefaultLeafDays;

  std::string public_address;
  std::string cluster, name = "*", ttl = "15m";
  std::vector<std::string> services;
  std::int64_t uses = 1;

  std::string view, agent, service;
  std::int64_t limit = 0;
};

using Outcome = std::variant<CommandLine, config::Answer>;

config::AnswerFormat answer_format(const Arguments& in) {
  return in.json ? config::AnswerFormat::json : config::AnswerFormat::text;
}

tl::unexpected<Error> refuse(std::string detail) {
  return fail(Reason::config_invalid, std::move(detail));
}

std::string config_of(const Arguments& in) {
  return config::named_config(in.config, in.config_dir, kConfigFile);
}

Result<CaIssueCommand> make_issue(const Arguments& in) {
  CaIssueCommand out{in.dir, in.id, {}, {}, static_cast<int>(in.days), in.out};
  constexpr std::string_view kScheme = "spiffe://";
  const std::string_view id = in.id;
  if (!id.starts_with(kScheme) || id.find('/', kScheme.size()) == std::string_view::npos || id.ends_with('/')) {
    return refuse(fmt::format("--id {}: allowed: spiffe://TRUST_DOMAIN/PATH", in.id));
  }
  if (in.days < 1 || in.days > kMaxLeafDays) {
    return refuse(fmt::format("--days {}: allowed: 1 to {}", in.days, kMaxLeafDays));
  }
  for (const std::string& name : in.dns) {
    out.dns.push_back(normalize_name(name));
    if (!config::is_dns_name(out.dns.back()))
      return refuse(fmt::format("--dns {}: allowed: {}", name, config::kNameForm));
  }
  for (const std::string& text : in.ips) {
    const auto ip = IpAddress::parse(text);
    if (!ip) return refuse(fmt::format("--ip {}: allowed: an IPv4 or IPv6 address", text));
    out.ips.push_back(*ip);
  }
  return out;
}

Result<StatusCommand> make_status(const Arguments& in) {
  StatusCommand out;
  if (in.view == "agents") {
    out.view = StatusView::agents;
  } else if (in.view == "services") {
    out.view = StatusView::services;
  } else if (in.view == "relays") {
    out.view = StatusView::relays;
  } else if (!in.view.empty()) {
    return refuse(fmt::format("status {}: allowed: agents, services, relays, or nothing for a summary", in.view));
  }
  if (in.limit < 0 || in.limit > kMaxListed)
    return refuse(fmt::format("--limit {}: allowed: 1 to {}", in.limit, kMaxListed));
  out.agent = in.agent;
  out.service = in.service;
  out.limit = static_cast<std::size_t>(in.limit);
  out.config = config_of(in);
  out.socket = config::socket_path(in.socket);
  out.format = answer_format(in);
  return out;
}

// Whether the mesh has such an id is judged where its trust domain is known.
Result<RevokeCommand> make_revoke(RevokeAct act, const Arguments& in) {
  const auto dot = in.id.find('.');
  const bool named = dot != std::string::npos && is_label(in.id.substr(0, dot)) && is_label(in.id.substr(dot + 1));
  if (!named && !in.id.starts_with("spiffe://"))
    return refuse(fmt::format("{}: allowed: ENDPOINT.CLUSTER, or spiffe://TRUST_DOMAIN/PATH", in.id));
  return RevokeCommand{act, in.id, config_of(in), answer_format(in)};
}

struct ConfigOptions {
  CLI::Option* file;
  CLI::Option* dir;
};

ConfigOptions add_config(CLI::App& command, Arguments& in) {
  auto* file = command.add_option("--config", in.config, std::string(config::kConfigHelp))->type_name("FILE");
  auto* dir = command.add_option("--dir", in.config_dir, "The folder that holds rendezvous.toml, instead of --config")
                  ->type_name("DIR")
                  ->excludes(file);
  return {file, dir};
}

Result<SetupCommand> make_setup(const Arguments& in) {
  SetupCommand out{
      .host = normalize_name(in.public_address), .port = 0, .trust_domain = in.trust_domain, .dir = in.dir};
  if (!IpAddress::parse(out.host) && !config::is_dns_name(out.host)) {
    const auto both = config::parse_host_port(in.public_address);
    if (!both || both->port == 0)
      return refuse(fmt::format("--public {}: allowed: HOST or HOST:PORT", in.public_address));
    out.host = normalize_name(both->host);
    out.port = both->port;
  }
  if (!in.trust_domain.empty() && !config::is_dns_name(in.trust_domain))
    return refuse(fmt::format("--trust-domain {}: allowed: a lower-case DNS name", in.trust_domain));
  if (!in.cluster.empty()) out.cluster = in.cluster;
  if (!is_label(out.cluster)) return refuse(fmt::format("--cluster {}: allowed: one label", in.cluster));
  return out;
}

Result<TokenCommand> make_token(const CLI::App& token, const Arguments& in) {
  TokenCommand out;
  out.config = config_of(in);
  out.id = in.id;
  out.format = answer_format(in);
  if (!token.got_subcommand("create")) {
    out.act = token.got_subcommand("revoke") ? TokenAct::revoke : TokenAct::list;
    return out;
  }
  out.act = TokenAct::create;
  out.cluster = in.cluster;
  out.name = in.name;
  out.uses = in.uses;
  if (!out.cluster.empty() && !is_label(out.cluster))
    return refuse(fmt::format("--cluster {}: allowed: one label", in.cluster));
  const bool glob = std::ranges::all_of(out.name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '*' || c == '?';
  });
  if (!glob || out.name.empty())
    return refuse(fmt::format("--name {}: allowed: one label, with * and ? as in dev-*", in.name));
  for (const std::string& written : in.services) {
    out.services.push_back(normalize_name(written));
    if (!pattern_valid(PatternKind::name, out.services.back()) || std::ranges::count(out.services.back(), '.') != 1)
      return refuse(fmt::format("--services {}: allowed: SERVICE.CLUSTER, * for a whole label", written));
  }
  if (in.uses < 1 || in.uses > kMaxUses) return refuse(fmt::format("--uses {}: allowed: 1 to {}", in.uses, kMaxUses));
  const auto ttl = config::parse_duration(in.ttl);
  if (!ttl || *ttl < 1s || *ttl > kMaxTtl) return refuse(fmt::format("--ttl {}: allowed: 1s to 3650d", in.ttl));
  out.ttl = *ttl;
  return out;
}

void add_run(CLI::App& app, Arguments& in) {
  auto* run = app.add_subcommand("run", "Serve; SIGTERM drains, a second one stops at once, SIGHUP reloads");
  add_config(*run, in);
  run->footer("Example:\n  fairlead-rendezvous run");

  auto* check = app.add_subcommand("check", "Read the configuration and every file it names; exit 0 or 2");
  add_config(*check, in);
  check->footer("Example:\n  fairlead-rendezvous check");
}

void add_ca(CLI::App& app, Arguments& in) {
  auto* ca = app.add_subcommand("ca", "Make and use a mesh CA of your own");
  ca->require_subcommand(1);
  auto* init = ca->add_subcommand("init", "Make a root, an intermediate and ca.crt, the bundle to trust");
  init->add_option("--dir", in.dir, "Where to keep it; what is there is never overwritten")
      ->required()
      ->type_name("DIR");
  init->add_option("--trust-domain", in.trust_domain, "The first part of every SPIFFE id")->required()->type_name("TD");
  init->footer("Example:\n  fairlead-rendezvous ca init --dir ca --trust-domain example.org");

  auto* issue = ca->add_subcommand("issue", "Issue a certificate with one SPIFFE id");
  issue->add_option("--dir", in.dir, "The folder that `ca init` made")->required()->type_name("DIR");
  issue->add_option("--id", in.id, "The SPIFFE id")->required()->type_name("spiffe://TD/PATH");
  issue->add_option("--dns", in.dns, "A DNS name to add; may be given several times")
      ->allow_extra_args(false)
      ->type_name("NAME");
  issue->add_option("--ip", in.ips, "An address to add; may be given several times")
      ->allow_extra_args(false)
      ->type_name("ADDR");
  issue
      ->add_option("--days", in.days,
                   fmt::format("How long it is valid; 1 to {}, default {}", kMaxLeafDays, kDefaultLeafDays))
      ->type_name("N");
  issue->add_option("--out", in.out, "Writes PREFIX.crt (leaf, then chain) and PREFIX.key (0600)")
      ->required()
      ->type_name("PREFIX");
  issue->footer(
      "Example:\n  fairlead-rendezvous ca issue --dir ca --id spiffe://example.org/agent/home/nas1 --out nas1");
}

void add_setup(CLI::App& app, Arguments& in) {
  auto* setup = app.add_subcommand("setup", "Make a CA, a certificate and a configuration, and print what to run next");
  setup->add_option("--public", in.public_address, "Where agents and clients reach this host; port: 443, or 15443")
      ->required()
      ->type_name("HOST[:PORT]");
  setup->add_option("--trust-domain", in.trust_domain, "The first part of every SPIFFE id; default: HOST")
      ->type_name("TD");
  setup->add_option("--cluster", in.cluster, "The cluster that devices join; default home")->type_name("C");
  setup->add_option("--dir", in.dir, "Where everything goes; default /etc/fairlead, or ~/.config/fairlead")
      ->type_name("DIR");
  setup->footer("Example:\n  fairlead-rendezvous setup --public rv.example.com --cluster home");
}

void add_token(CLI::App& app, Arguments& in) {
  auto* token = app.add_subcommand("token", "Make, list and revoke the tokens that devices join with");
  token->require_subcommand(1);
  const auto common = [&in](CLI::App* act) {
    add_config(*act, in);
    act->add_flag("--json", in.json, "Answer in JSON");
  };
  auto* create = token->add_subcommand("create", "Print a new token, alone on standard output");
  common(create);
  create->add_option("--cluster", in.cluster, "The cluster that is joined; default: signer.cluster")->type_name("C");
  create->add_option("--name", in.name, "Names that may be taken, such as dev-*; default any")->type_name("GLOB");
  create->add_option("--services", in.services, "Names that the certificate carries, default *.C; with commas")
      ->delimiter(',')
      ->type_name("PATTERN,...");
  create->add_option("--uses", in.uses, "How many devices may join with it; default 1")->type_name("N");
  create->add_option("--ttl", in.ttl, "How long it can be used; default 15m")->type_name("TIME");
  create->footer("Example:\n  fairlead-rendezvous token create --name dev-*");
  auto* list = token->add_subcommand("list", "Tokens that can be used");
  common(list);
  list->footer("Example:\n  fairlead-rendezvous token list");
  auto* revoke = token->add_subcommand("revoke", "Make a token unknown; who joined with it stays");
  common(revoke);
  revoke->add_option("id", in.id, "As `token list` shows it")->required()->type_name("ID");
  revoke->footer("Example:\n  fairlead-rendezvous token revoke aebagbafaydqq");
}

void add_revoke(CLI::App& app, Arguments& in) {
  const auto add = [&](const char* name, const char* about, const char* example) {
    auto* command = app.add_subcommand(name, about);
    command->add_option("id", in.id, "As `status agents` shows it, or a SPIFFE id")
        ->required()
        ->type_name("ENDPOINT.CLUSTER|SPIFFE");
    add_config(*command, in);
    command->add_flag("--json", in.json, "Answer in JSON");
    command->footer(example);
  };
  add("revoke", "Let an identity in no more: its session, relays and direct ways end, its certificate is not renewed",
      "Example:\n  fairlead-rendezvous revoke nas1.home");
  add("unrevoke", "Let an identity in again", "Example:\n  fairlead-rendezvous unrevoke nas1.home");
}

void add_questions(CLI::App& app, Arguments& in) {
  auto* status =
      app.add_subcommand("status", "Show a summary and what is not well, or list agents, services or relays");
  status->add_option("view", in.view, "agents, services or relays")->type_name("WHAT");
  status->add_option("--agent", in.agent, "Only agents that match, such as nas*")->type_name("G");
  status->add_option("--service", in.service, "Only services that match, such as *.home")->type_name("G");
  status->add_option("--limit", in.limit, "At most so many")->type_name("N");
  const auto [file, dir] = add_config(*status, in);
  status->add_option("--socket", in.socket, "Its admin socket, instead of --config")
      ->type_name("PATH")
      ->excludes(file)
      ->excludes(dir);
  status->add_flag("--json", in.json, "Answer in JSON");
  status->footer("Example:\n  fairlead-rendezvous status agents --agent 'nas*'");

  auto* explain = app.add_subcommand("explain", "Cause and next step of a reason code; without one, list them all");
  explain->add_option("code", in.code, "As it stands in logs, counters and status")->type_name("CODE");
  explain->add_flag("--json", in.json, "Answer in JSON");
  explain->footer("Example:\n  fairlead-rendezvous explain channel_wait_timeout");
}

template <class T>
Result<Command> as_command(Result<T> made) {
  if (!made) return tl::unexpected(made.error());
  return std::move(*made);
}

Result<Command> make_command(const CLI::App& app, const Arguments& in) {
  if (app.got_subcommand("run")) return RunCommand{config_of(in)};
  if (app.got_subcommand("check")) return CheckCommand{config_of(in)};
  if (app.got_subcommand("explain")) return ExplainCommand{in.code, answer_format(in)};
  if (app.got_subcommand("setup")) return as_command(make_setup(in));
  if (app.got_subcommand("token")) return as_command(make_token(*app.get_subcommand("token"), in));
  if (app.got_subcommand("revoke")) return as_command(make_revoke(RevokeAct::revoke, in));
  if (app.got_subcommand("unrevoke")) return as_command(make_revoke(RevokeAct::unrevoke, in));
  if (app.got_subcommand("status")) return as_command(make_status(in));
  if (app.get_subcommand("ca")->got_subcommand("issue")) return as_command(make_issue(in));
  if (!config::is_dns_name(in.trust_domain)) {
    return refuse(fmt::format("--trust-domain {}: allowed: a lower-case DNS name", in.trust_domain));
  }
  return CaInitCommand{in.dir, in.trust_domain};
}

// CLI11 throws; nothing leaves this function.
std::optional<config::Answer> parse_into(CLI::App& app, int argc, const char* const* argv) {
  try {
    app.parse(argc, argv);
    return std::nullopt;
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) {
      std::ostringstream out;
      app.exit(error, out, out);
      return config::Answer{config::kExitSuccess, out.str(), ""};
    }
    if (app.get_subcommands().empty()) {
      constexpr std::string_view kCommands[] = {"setup",  "run",      "check",  "ca",     "token",
                                                "revoke", "unrevoke", "status", "explain"};
      constexpr std::string_view kLater[] = {"why", "drain", "log-level"};
      return config::no_command(kProgram, app.remaining(), kCommands, kLater);
    }
    const CLI::App* ca = app.get_subcommand("ca");
    if (app.got_subcommand(ca) && ca->get_subcommands().empty()) {
      constexpr std::string_view kCommands[] = {"init", "issue"};
      return config::no_command("fairlead-rendezvous ca", app.remaining(true), kCommands, {});
    }
    const CLI::App* token = app.get_subcommand("token");
    if (app.got_subcommand(token) && token->get_subcommands().empty()) {
      constexpr std::string_view kCommands[] = {"create", "list", "revoke"};
      return config::no_command("fairlead-rendezvous token", app.remaining(true), kCommands, {});
    }
    return config::unusable(kProgram, error.what());
  }
}

}  // namespace

Outcome parse_command_line(int argc, const char* const* argv) {
  Arguments in;
  CLI::App app{std::string(kAbout), std::string(kProgram)};
  app.set_version_flag("--version", fmt::format("{} {}", kProgram, FAIRLEAD_VERSION));
  app.add_option("--log-level", in.log.level, std::string(config::kLevelHelp))->type_name("LEVEL");
  app.add_option("--log-format", in.log.format, std::string(config::kFormatHelp))->type_name("FORMAT");
  app.require_subcommand(1);
  app.fallthrough();
  app.footer("`fairlead-rendezvous COMMAND --help` tells more.");
  add_setup(app, in);
  add_run(app, in);
  add_ca(app, in);
  add_token(app, in);
  add_revoke(app, in);
  add_questions(app, in);

  if (auto answer = parse_into(app, argc, argv)) return std::move(*answer);
  const auto log = config::read_log_words(in.log);
  if (!log) return config::unusable(kProgram, log.error().detail);
  auto command = make_command(app, in);
  if (!command) return config::unusable(kProgram, command.error().detail);
  return CommandLine{std::move(*command), *log};
}

}  // namespace fairlead::rendezvous
