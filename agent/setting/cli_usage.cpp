#include "agent/setting/cli_usage.h"

#include "agent/setting/cli.h"
#include "common/base/version.h"
#include "common/config/config_path.h"

namespace fairlead::agent {
namespace {

constexpr std::string_view kAbout =
    "Makes services behind a NAT or firewall reachable to mesh clients, through a rendezvous server.\n"
    "Exit codes: 0 success, 1 failed at run time, 2 unusable arguments or configuration,\n"
    "3 status answered and something is not well.";

constexpr std::string_view kLater[] = {"leave"};

using config::Need;

config::Option config_option(Arguments& in) {
  return {"--config", &in.config, config::kConfigHelp, "FILE", Need::optional, "--dir"};
}

config::Option dir_option(Arguments& in) {
  return {"--dir", &in.dir, "The folder that holds agent.toml, instead of --config", "DIR", Need::optional, "--socket"};
}

config::Option socket_option(Arguments& in) {
  return {"--socket", &in.socket, "Its control socket, instead of --config", "PATH", Need::optional, "--config"};
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
  return {
      .name = "expose",
      .help = "Make services reachable by name: for good through the agent that runs, else until ^C",
      .footer =
          "The agent that runs keeps each service in services.d/NAME.toml beside its configuration. On a host that\n"
          "has not joined, name a server and an identity: --rendezvous, --cert, --key and --ca.\n"
          "Example:\n  fairlead-agent expose web=http://127.0.0.1:8080",
      .options = {{"--allow", &in.allow,
                   "Who may call what ends TLS here: cluster (the default), mesh or a SPIFFE id pattern; may be "
                   "given several times",
                   "PATTERN"},
                  config_option(in),
                  dir_option(in),
                  socket_option(in),
                  {"--rendezvous", &in.rendezvous, "Without a configuration: a server; may be given several times",
                   "HOST:PORT"},
                  {"--cert", &in.cert, "and a certificate, then its chain, PEM", "FILE"},
                  {"--key", &in.key, "its private key, PEM", "FILE"},
                  {"--ca", &in.ca, "and the mesh CA's certificates, PEM", "FILE"},
                  {"--cluster", &in.cluster, "Default: from the certificate, by the server's policy", "CLUSTER"},
                  {"--name", &in.name, "Default: from the certificate, else the host name", "ENDPOINT"},
                  {"--json", &in.json, "Answer in JSON", ""}},
      .operands = {{"targets", &in.targets,
                    "One label, and HOST:PORT, tls://HOST:PORT or unix:PATH of a service that speaks TLS, or "
                    "http://HOST:PORT, http+unix:PATH, tcp://HOST:PORT or tcp+unix:PATH of one that does not: "
                    "mutual TLS ends here",
                    "NAME=TARGET", Need::required}}};
}

config::CommandUsage unexpose_usage(Arguments& in) {
  return {.name = "unexpose",
          .help = "Take away a service that `expose` added",
          .footer = "Example:\n  fairlead-agent unexpose web",
          .options = {config_option(in), dir_option(in), socket_option(in), {"--json", &in.json, "Answer in JSON", ""}},
          .operands = {{"name", &in.name, "The service's label", "NAME", Need::required}}};
}

// What whoever calls takes beside its own options: a configuration, or what is needed of one.
std::vector<config::Option> with_caller(Arguments& in, std::vector<config::Option> own) {
  own.insert(own.end(), {config_option(in),
                         {"--dir", &in.dir, "The folder that holds agent.toml, instead of --config", "DIR"},
                         {"--rendezvous", &in.rendezvous,
                          "Without a configuration: a server; may be given several times", "HOST:PORT"},
                         {"--cert", &in.cert, "and a certificate, then its chain, PEM", "FILE"},
                         {"--key", &in.key, "its private key, PEM", "FILE"},
                         {"--ca", &in.ca, "and the mesh CA's certificates, PEM", "FILE"}});
  return own;
}

config::CommandUsage connect_usage(Arguments& in) {
  return {
      .name = "connect",
      .help = "Call a service by its name, in mutual TLS from here to the service",
      .footer =
          "LISTEN is PORT, ADDRESS:PORT or unix:PATH; default: a free port of 127.0.0.1. The address is printed, and\n"
          "each connection to it carried to the service until SIGTERM or ^C.\n"
          "Example:\n  fairlead-agent connect web.home 9000 --config /etc/fairlead/agent.toml",
      .options = with_caller(
          in,
          {{"--check", &in.check, "One handshake: who answers, by which way, how fast; exit 0 or 1", ""},
           {"--stdio", &in.stdio, "One connection, on standard input and output (ssh ProxyCommand)", "", Need::optional,
            "--check"},
           {"--expect", &in.expect,
            "Who may answer, a pattern of SPIFFE ids; may be given several times. Default: from the name", "PATTERN"},
           {"--json", &in.json, "Answer in JSON", ""}}),
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
          .options = with_caller(in, {{"--json", &in.json, "Answer in JSON", ""}}),
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
  return {
      .name = "status",
      .help = "Show services, the path of each and the rendezvous servers",
      .footer = "Example:\n  fairlead-agent status --config /etc/fairlead/agent.toml --json",
      .options = {config_option(in), dir_option(in), socket_option(in), {"--json", &in.json, "Answer in JSON", ""}}};
}

config::CommandUsage explain_usage(Arguments& in) {
  return {.name = "explain",
          .help = "Cause and next step of a reason code; without one, list them all",
          .footer = "Example:\n  fairlead-agent explain duplicate_identity",
          .options = {{"--json", &in.json, "Answer in JSON", ""}},
          .operands = {{"code", &in.code, "As it stands in logs, counters and status", "CODE"}}};
}

}  // namespace

config::ProgramUsage program_usage(Arguments& in) {
  return {
      .program = kProgram,
      .version = FAIRLEAD_VERSION,
      .about = kAbout,
      .footer = "`fairlead-agent COMMAND --help` tells more.",
      .options = {{"--log-level", &in.log.level, config::kLevelHelp, "LEVEL"},
                  {"--log-format", &in.log.format, config::kFormatHelp, "FORMAT"}},
      .commands = {run_usage(in), check_usage(in), join_usage(in), expose_usage(in), unexpose_usage(in),
                   connect_usage(in), proxy_usage(in), probe_usage(in), status_usage(in), explain_usage(in)},
      .later = kLater,
  };
}

}  // namespace fairlead::agent
