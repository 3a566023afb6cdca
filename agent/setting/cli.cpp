#include "agent/setting/cli.h"

#include <fmt/core.h>

#include "agent/setting/exposed.h"
#include "agent/setting/service_section.h"
#include "common/base/pattern.h"
#include "common/base/version.h"
#include "common/config/arguments.h"
#include "common/config/config_path.h"
#include "common/config/fields.h"
#include "common/config/usage.h"

namespace fairlead::agent {
namespace {

constexpr std::string_view kProgram = "fairlead-agent";
constexpr std::string_view kAbout =
    "Makes services behind a NAT or firewall reachable to mesh clients, through a rendezvous server.\n"
    "Exit codes: 0 success, 1 failed at run time, 2 unusable arguments or configuration,\n"
    "3 status answered and something is not well.";

// What the command line is parsed into.
struct Arguments {
  config::LogWords log;
  std::string config;
  std::string dir;
  std::string socket;
  std::string code;
  std::string token;
  std::string token_file;
  bool lenient = false;
  bool json = false;
  bool check = false;
  bool stdio = false;
  bool again = false;

  std::vector<std::string> targets;
  std::vector<std::string> rendezvous;
  std::vector<std::string> expect;
  std::string called, listen;
  std::vector<std::string> allow;
  std::string cert, key, ca, cluster, name;
};

using config::Need;
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

std::string config_of(const Arguments& in) {
  return config::named_config(in.config, in.dir, kConfigFile);
}

Result<Command> make_probe(const Arguments& in) {
  auto servers = read_servers(in);
  if (!servers) return tl::unexpected(servers.error());
  return ProbeCommand{config_of(in), std::move(*servers), answer_format(in)};
}

// Those of `--allow` for each service whose TLS ends here, of which there must be one.
Result<void> allow_callers(const std::vector<std::string>& callers, std::vector<ServiceConfig>& services) {
  if (callers.empty()) return {};
  for (const std::string& caller : callers) {
    if (is_caller_pattern(caller)) continue;
    return fail(Reason::config_invalid, fmt::format("--allow {}: allowed: {}", caller, kCallerForm));
  }
  bool any = false;
  for (ServiceConfig& service : services) {
    if (service.tls != Tls::terminate) continue;
    service.allow = callers;
    any = true;
  }
  if (any) return {};
  return fail(Reason::config_invalid,
              "--allow: is for services whose TLS ends here: NAME=http://HOST:PORT or tcp://HOST:PORT");
}

Result<Command> make_join(const Arguments& in) {
  if (in.token.empty() == in.token_file.empty())
    return fail(Reason::config_invalid, "join: one of TOKEN and --token-file is needed");
  if (!in.name.empty() && !is_label(in.name))
    return fail(Reason::config_invalid, fmt::format("--name {}: allowed: {}", in.name, config::kLabelForm));
  return JoinCommand{in.token, in.token_file, in.name, in.dir, in.again ? Again::yes : Again::no, answer_format(in)};
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
  if (auto allowed = allow_callers(in.allow, out.services); !allowed) return tl::unexpected(allowed.error());
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
  out.renewal = Renewal::off;  // whoever named these files looks after them
  out.state_dir.clear();
  out.control_path.clear();
  return ExposeCommand{std::move(out), answer_format(in)};
}

// Servers and identity by options, if by any: then all that is needed of a file, and no file.
Result<std::optional<AgentConfig>> read_given(const Arguments& in, std::string_view command) {
  const auto refuse = [](std::string detail) { return fail(Reason::config_invalid, std::move(detail)); };
  const int given = !in.rendezvous.empty() + !in.cert.empty() + !in.key.empty() + !in.ca.empty();
  if (given == 0) return std::optional<AgentConfig>();
  if (given < 4) return refuse(fmt::format("{} without --config needs --rendezvous, --cert, --key and --ca", command));
  if (!in.config.empty() || !in.dir.empty())
    return refuse(fmt::format("{}: --rendezvous and an identity, or --config, not both", command));
  auto servers = read_servers(in);
  if (!servers) return tl::unexpected(servers.error());
  AgentConfig out;
  out.rendezvous = std::move(*servers);
  out.identity = {in.cert, in.key, in.ca};
  return out;
}

Result<Command> make_connect(const Arguments& in) {
  ConnectCommand out{.name = in.called,
                     .listen = in.listen,
                     .from = in.check   ? CallFrom::check
                             : in.stdio ? CallFrom::stdio
                                        : CallFrom::listener,
                     .expect = in.expect,
                     .config = config_of(in),
                     .given = {},
                     .format = answer_format(in)};
  const auto refuse = [](std::string detail) { return fail(Reason::config_invalid, std::move(detail)); };
  if (out.from != CallFrom::listener && !in.listen.empty())
    return refuse(in.listen + ": --check and --stdio listen nowhere");
  auto given = read_given(in, "connect");
  if (!given) return tl::unexpected(given.error());
  out.given = std::move(*given);
  return out;
}

Result<Command> make_proxy(const Arguments& in) {
  auto given = read_given(in, "proxy");
  if (!given) return tl::unexpected(given.error());
  return ProxyCommand{in.listen, config_of(in), std::move(*given), answer_format(in)};
}

config::Option config_option(Arguments& in) {
  return {"--config", &in.config, config::kConfigHelp, "FILE", Need::optional, "--dir"};
}

config::Option dir_option(Arguments& in) {
  return {"--dir", &in.dir, "The folder that holds agent.toml, instead of --config", "DIR", Need::optional, "--socket"};
}

config::CommandUsage run_usage(Arguments& in) {
  return {.name = "run",
          .help = "Run the agent; SIGTERM drains, SIGHUP reloads the configuration",
          .footer = "Example:\n  fairlead-agent run --config /etc/fairlead/agent.toml",
          .options = {config_option(in),
                      dir_option(in),
                      {"--lenient", &in.lenient,
                       "Unknown keys warn instead of ending the program (devices after a rollback)", ""}}};
}

config::CommandUsage check_usage(Arguments& in) {
  return {.name = "check",
          .help = "Read the configuration and every file it names; exit 0 or 2",
          .footer = "Example:\n  fairlead-agent check --config /etc/fairlead/agent.toml",
          .options = {config_option(in), dir_option(in)}};
}

config::CommandUsage expose_usage(Arguments& in) {
  return {.name = "expose",
          .help = "Run without a configuration file: expose services by name",
          .footer =
              "Example:\n  fairlead-agent expose web=127.0.0.1:8443 --rendezvous rv.example.com:15443 \\\n"
              "      --cert agent.crt --key agent.key --ca ca.crt --cluster home",
          .options = {{"--rendezvous", &in.rendezvous, "A rendezvous server; may be given several times", "HOST:PORT",
                       Need::required},
                      {"--cert", &in.cert, "The agent's certificate, then its chain, PEM", "FILE", Need::required},
                      {"--key", &in.key, "Its private key, PEM", "FILE", Need::required},
                      {"--ca", &in.ca, "The mesh CA's certificates, PEM", "FILE", Need::required},
                      {"--cluster", &in.cluster, "Default: from the certificate, by the server's policy", "CLUSTER"},
                      {"--name", &in.name, "Default: from the certificate, else the host name", "ENDPOINT"},
                      {"--allow", &in.allow,
                       "Who may call what ends TLS here: cluster (the default), mesh or a SPIFFE id pattern; may be "
                       "given several times",
                       "PATTERN"},
                      {"--json", &in.json, "Answer in JSON", ""}},
          .operands = {{"targets", &in.targets,
                        "One label, and HOST:PORT, tls://HOST:PORT or unix:PATH of a service that speaks TLS, or "
                        "http://HOST:PORT, http+unix:PATH, tcp://HOST:PORT or tcp+unix:PATH of one that does not: "
                        "mutual TLS ends here",
                        "NAME=TARGET", Need::required}}};
}

config::CommandUsage connect_usage(Arguments& in) {
  return {
      .name = "connect",
      .help = "Call a service by its name, in mutual TLS from here to the service",
      .footer =
          "LISTEN is PORT, ADDRESS:PORT or unix:PATH; default: a free port of 127.0.0.1. The address is printed, and\n"
          "each connection to it carried to the service until SIGTERM or ^C.\n"
          "Example:\n  fairlead-agent connect web.home 9000 --config /etc/fairlead/agent.toml",
      .options = {{"--check", &in.check, "One handshake: who answers, by which way, how fast; exit 0 or 1", ""},
                  {"--stdio", &in.stdio, "One connection, on standard input and output (ssh ProxyCommand)", "",
                   Need::optional, "--check"},
                  {"--expect", &in.expect,
                   "Who may answer, a pattern of SPIFFE ids; may be given several times. Default: from the name",
                   "PATTERN"},
                  config_option(in),
                  {"--dir", &in.dir, "The folder that holds agent.toml, instead of --config", "DIR"},
                  {"--rendezvous", &in.rendezvous, "Without a configuration: a server; may be given several times",
                   "HOST:PORT"},
                  {"--cert", &in.cert, "and a certificate, then its chain, PEM", "FILE"},
                  {"--key", &in.key, "its private key, PEM", "FILE"},
                  {"--ca", &in.ca, "and the mesh CA's certificates, PEM", "FILE"},
                  {"--json", &in.json, "Answer in JSON", ""}},
      .operands = {{"name", &in.called, "SERVICE.CLUSTER, ENDPOINT.SERVICE.CLUSTER, or a service's host", "NAME[:PORT]",
                    Need::required},
                   {"listen", &in.listen, "Where local programs connect to", "LISTEN"}}};
}

config::CommandUsage proxy_usage(Arguments& in) {
  return {.name = "proxy",
          .help = "Open a port for every name of the mesh: SOCKS5 and HTTP CONNECT",
          .footer =
              "LISTEN is PORT, ADDRESS:PORT or unix:PATH; default: 127.0.0.1:1080. Other names are refused.\n"
              "Example:\n  fairlead-agent proxy --config /etc/fairlead/agent.toml\n"
              "  curl --socks5-hostname 127.0.0.1:1080 http://web.home/",
          .options = {config_option(in),
                      {"--dir", &in.dir, "The folder that holds agent.toml, instead of --config", "DIR"},
                      {"--rendezvous", &in.rendezvous, "Without a configuration: a server; may be given several times",
                       "HOST:PORT"},
                      {"--cert", &in.cert, "and a certificate, then its chain, PEM", "FILE"},
                      {"--key", &in.key, "its private key, PEM", "FILE"},
                      {"--ca", &in.ca, "and the mesh CA's certificates, PEM", "FILE"},
                      {"--json", &in.json, "Answer in JSON", ""}},
          .operands = {{"listen", &in.listen, "Where local programs connect to", "LISTEN"}}};
}

config::CommandUsage probe_usage(Arguments& in) {
  return {.name = "probe",
          .help = "Find out what NAT is here, what can be mapped, and which path would be used",
          .footer =
              "Takes less than 10 seconds and leaves nothing behind. Exit 0: services here can be reached, 1: they "
              "cannot.\nExample:\n  fairlead-agent probe --config /etc/fairlead/agent.toml",
          .options = {config_option(in),
                      dir_option(in),
                      {"--rendezvous", &in.rendezvous,
                       "Ask this server instead of the file's; may be given several times", "HOST:PORT"},
                      {"--json", &in.json, "Answer in JSON", ""}}};
}

config::CommandUsage join_usage(Arguments& in) {
  return {
      .name = "join",
      .help = "Get an identity and a configuration from a rendezvous, with a token",
      .footer =
          "The key is made here and stays here. Others on this host see a command line: --token-file keeps a\n"
          "token out of it.\nExample:\n  fairlead-agent join fl1_... --name nas1",
      .options = {{"--token-file", &in.token_file, "Read the token from FILE; - is standard input", "FILE"},
                  {"--name", &in.name, "One label; default: the first of the host's name", "NAME"},
                  {"--dir", &in.dir, "Put everything into DIR; default: the folder of the usual configuration", "DIR"},
                  {"--again", &in.again, "Replace the identity and the configuration that are there", ""},
                  {"--json", &in.json, "Answer in JSON", ""}},
      .operands = {{"token", &in.token, "What `fairlead-rendezvous token create` printed", "TOKEN"}}};
}

config::CommandUsage status_usage(Arguments& in) {
  return {.name = "status",
          .help = "Show services, the path of each and the rendezvous servers",
          .footer = "Example:\n  fairlead-agent status --config /etc/fairlead/agent.toml --json",
          .options = {
              config_option(in),
              dir_option(in),
              {"--socket", &in.socket, "Its control socket, instead of --config", "PATH", Need::optional, "--config"},
              {"--json", &in.json, "Answer in JSON", ""}}};
}

config::CommandUsage explain_usage(Arguments& in) {
  return {.name = "explain",
          .help = "Cause and next step of a reason code; without one, list them all",
          .footer = "Example:\n  fairlead-agent explain duplicate_identity",
          .options = {{"--json", &in.json, "Answer in JSON", ""}},
          .operands = {{"code", &in.code, "As it stands in logs, counters and status", "CODE"}}};
}

Result<Command> make_command(std::string_view name, const Arguments& in) {
  if (name == "run") {
    return RunCommand{config_of(in), in.lenient ? config::UnknownKeys::warn : config::UnknownKeys::refuse};
  }
  if (name == "check") return CheckCommand{config_of(in)};
  if (name == "status") return StatusCommand{config_of(in), config::socket_path(in.socket), answer_format(in)};
  if (name == "probe") return make_probe(in);
  if (name == "connect") return make_connect(in);
  if (name == "proxy") return make_proxy(in);
  if (name == "join") return make_join(in);
  if (name == "explain") return ExplainCommand{in.code, answer_format(in)};
  auto expose = make_expose(in);
  if (!expose) return tl::unexpected(expose.error());
  return std::move(*expose);
}

}  // namespace

Outcome parse_command_line(int argc, const char* const* argv) {
  constexpr std::string_view kLater[] = {"unexpose", "leave"};
  Arguments in;
  const config::ProgramUsage usage{
      .program = kProgram,
      .version = FAIRLEAD_VERSION,
      .about = kAbout,
      .footer = "`fairlead-agent COMMAND --help` tells more.",
      .options = {{"--log-level", &in.log.level, config::kLevelHelp, "LEVEL"},
                  {"--log-format", &in.log.format, config::kFormatHelp, "FORMAT"}},
      .commands = {run_usage(in), check_usage(in), join_usage(in), expose_usage(in), connect_usage(in), proxy_usage(in),
                   probe_usage(in), status_usage(in), explain_usage(in)},
      .later = kLater,
  };
  auto parsed = config::parse_arguments(usage, argc, argv);
  if (auto* answer = std::get_if<config::Answer>(&parsed)) return std::move(*answer);
  const auto log = config::read_log_words(in.log);
  if (!log) return config::unusable(kProgram, log.error().detail);
  auto command = make_command(std::get<std::string_view>(parsed), in);
  if (!command) return config::unusable(kProgram, command.error().detail);
  return CommandLine{std::move(*command), *log};
}

}  // namespace fairlead::agent
