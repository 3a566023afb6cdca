#include "agent/cli.h"

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <sstream>

#include "common/base/pattern.h"
#include "common/base/version.h"
#include "common/config/fields.h"
#include "common/config/usage.h"

namespace fairlead::agent {
namespace {

constexpr std::string_view kProgram = "fairlead-agent";
constexpr std::string_view kAbout =
    "Makes services behind a NAT or firewall reachable to mesh clients, through a rendezvous server.\n"
    "Exit codes: 0 success, 1 failed at run time, 2 unusable arguments or configuration.";

// What CLI11 writes into while it parses.
struct Arguments {
  config::LogWords log;
  std::string config;
  std::string socket;
  std::string code;
  bool lenient = false;
  bool json = false;

  std::vector<std::string> targets;
  std::vector<std::string> rendezvous;
  std::string cert, key, ca, cluster, name;
};

using Outcome = std::variant<CommandLine, config::Answer>;

config::AnswerFormat answer_format(const Arguments& in) {
  return in.json ? config::AnswerFormat::json : config::AnswerFormat::text;
}

Result<std::vector<HostPort>> read_servers(const Arguments& in) {
  const auto refuse = [](std::string detail) { return fail(Reason::config_invalid, std::move(detail)); };
  std::vector<HostPort> out;
  for (const std::string& text : in.rendezvous) {
    auto server = config::parse_host_port(text);
    if (!server) return refuse(fmt::format("--rendezvous {}: allowed: {}", text, config::kHostPortForm));
    out.push_back(std::move(*server));
  }
  if (out.size() > kMaxRendezvous) {
    return refuse(fmt::format("--rendezvous: named {} times; allowed: at most {}", out.size(), kMaxRendezvous));
  }
  return out;
}

Result<Command> make_probe(const Arguments& in) {
  auto servers = read_servers(in);
  if (!servers) return tl::unexpected(servers.error());
  return ProbeCommand{in.config, std::move(*servers), answer_format(in)};
}

Result<ExposeCommand> make_expose(const Arguments& in) {
  AgentConfig out;
  const auto refuse = [](std::string detail) { return fail(Reason::config_invalid, std::move(detail)); };
  for (const std::string& argument : in.targets) {
    auto service = parse_exposed(argument);
    if (!service) return tl::unexpected(service.error());
    for (const ServiceConfig& earlier : out.services) {
      if (earlier.name == service->name) return refuse(fmt::format("{}: the name stands here twice", argument));
    }
    out.services.push_back(std::move(*service));
  }
  auto servers = read_servers(in);
  if (!servers) return tl::unexpected(servers.error());
  out.rendezvous = std::move(*servers);
  if (!in.name.empty() && !is_label(in.name))
    return refuse(fmt::format("--name {}: allowed: {}", in.name, config::kLabelForm));
  if (!in.cluster.empty() && !is_label(in.cluster)) {
    return refuse(fmt::format("--cluster {}: allowed: {}", in.cluster, config::kLabelForm));
  }
  out.name = in.name;
  out.cluster = in.cluster;
  out.identity = {in.cert, in.key, in.ca};
  out.state_dir.clear();
  out.control_path.clear();
  return ExposeCommand{std::move(out), answer_format(in)};
}

void add_run(CLI::App& app, Arguments& in) {
  auto* run = app.add_subcommand("run", "Run the agent; SIGTERM drains, SIGHUP reloads the configuration");
  run->add_option("--config", in.config, "The configuration file")->required()->type_name("FILE");
  run->add_flag("--lenient", in.lenient, "Unknown keys warn instead of ending the program (devices after a rollback)");
  run->footer("Example:\n  fairlead-agent run --config /etc/fairlead/agent.toml");

  auto* check = app.add_subcommand("check", "Read the configuration and every file it names; exit 0 or 2");
  check->add_option("--config", in.config, "The configuration file")->required()->type_name("FILE");
  check->footer("Example:\n  fairlead-agent check --config /etc/fairlead/agent.toml");
}

void add_expose(CLI::App& app, Arguments& in) {
  auto* expose = app.add_subcommand("expose", "Run without a configuration file: expose services by name");
  expose
      ->add_option("targets", in.targets,
                   "NAME=TARGET: one label, and HOST:PORT, tls://HOST:PORT or unix:PATH of a service that speaks TLS")
      ->required()
      ->type_name("NAME=TARGET");
  expose->add_option("--rendezvous", in.rendezvous, "A rendezvous server; may be given several times")
      ->required()
      ->allow_extra_args(false)
      ->type_name("HOST:PORT");
  expose->add_option("--cert", in.cert, "The agent's certificate, then its chain, PEM")->required()->type_name("FILE");
  expose->add_option("--key", in.key, "Its private key, PEM")->required()->type_name("FILE");
  expose->add_option("--ca", in.ca, "The mesh CA's certificates, PEM")->required()->type_name("FILE");
  expose->add_option("--cluster", in.cluster, "CLUSTER; default: from the certificate, by the server's policy");
  expose->add_option("--name", in.name, "ENDPOINT; default: from the certificate, else the host name");
  expose->add_flag("--json", in.json, "Answer in JSON");
  expose->footer(
      "Example:\n  fairlead-agent expose web=127.0.0.1:8443 --rendezvous rv.example.com:15443 \\\n"
      "      --cert agent.crt --key agent.key --ca ca.crt --cluster home");
}

void add_questions(CLI::App& app, Arguments& in) {
  auto* status = app.add_subcommand("status", "Show services, the path of each and the rendezvous servers");
  auto* file = status->add_option("--config", in.config, "The running agent's configuration file")->type_name("FILE");
  status->add_option("--socket", in.socket, "Its control socket, instead of --config")
      ->type_name("PATH")
      ->excludes(file);
  status->add_flag("--json", in.json, "Answer in JSON");
  status->footer("Example:\n  fairlead-agent status --config /etc/fairlead/agent.toml --json");

  auto* probe =
      app.add_subcommand("probe", "Find out what NAT is here, what can be mapped, and which path would be used");
  probe->add_option("--config", in.config, "The agent's configuration file; default: /etc/fairlead/agent.toml")
      ->type_name("FILE");
  probe->add_option("--rendezvous", in.rendezvous, "Ask this server instead of the file's; may be given several times")
      ->allow_extra_args(false)
      ->type_name("HOST:PORT");
  probe->add_flag("--json", in.json, "Answer in JSON");
  probe->footer(
      "Takes less than 10 seconds and leaves nothing behind. Exit 0: services here can be reached, 1: they cannot.\n"
      "Example:\n  fairlead-agent probe --config /etc/fairlead/agent.toml");

  auto* explain = app.add_subcommand("explain", "Cause and next step of a reason code; without one, list them all");
  explain->add_option("code", in.code, "As it stands in logs, counters and status")->type_name("CODE");
  explain->add_flag("--json", in.json, "Answer in JSON");
  explain->footer("Example:\n  fairlead-agent explain duplicate_identity");
}

Result<Command> make_command(const CLI::App& app, const Arguments& in) {
  if (app.got_subcommand("run")) {
    return RunCommand{in.config, in.lenient ? config::UnknownKeys::warn : config::UnknownKeys::refuse};
  }
  if (app.got_subcommand("check")) return CheckCommand{in.config};
  if (app.got_subcommand("status")) return StatusCommand{in.config, config::socket_path(in.socket), answer_format(in)};
  if (app.got_subcommand("probe")) return make_probe(in);
  if (app.got_subcommand("explain")) return ExplainCommand{in.code, answer_format(in)};
  auto expose = make_expose(in);
  if (!expose) return tl::unexpected(expose.error());
  return std::move(*expose);
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
      constexpr std::string_view kCommands[] = {"run", "check", "expose", "probe", "status", "explain"};
      constexpr std::string_view kLater[] = {"join", "connect"};
      return config::no_command(kProgram, app.remaining(), kCommands, kLater);
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
  app.footer("`fairlead-agent COMMAND --help` tells more.");
  add_run(app, in);
  add_expose(app, in);
  add_questions(app, in);

  if (auto answer = parse_into(app, argc, argv)) return std::move(*answer);
  const auto log = config::read_log_words(in.log);
  if (!log) return config::unusable(kProgram, log.error().detail);
  auto command = make_command(app, in);
  if (!command) return config::unusable(kProgram, command.error().detail);
  return CommandLine{std::move(*command), *log};
}

}  // namespace fairlead::agent
