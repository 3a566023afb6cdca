#include "agent/setting/cli.h"

#include <fmt/core.h>

#include <algorithm>

#include "agent/setting/cli_usage.h"
#include "agent/setting/exposed.h"
#include "agent/setting/service_section.h"
#include "common/base/pattern.h"
#include "common/config/arguments.h"
#include "common/config/config_path.h"
#include "common/config/fields.h"
#include "common/config/nearest.h"
#include "common/config/usage.h"

namespace fairlead::agent {
namespace {

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

Result<std::vector<ServiceConfig>> read_exposed(const Arguments& in) {
  std::vector<ServiceConfig> out;
  for (const std::string& argument : in.targets) {
    auto service = parse_exposed(argument);
    if (!service) return tl::unexpected(service.error());
    if (std::ranges::count(out, service->name, &ServiceConfig::name) > 0) {
      return fail(Reason::config_invalid, fmt::format("{}: the name stands here twice", argument));
    }
    out.push_back(std::move(*service));
  }
  if (auto allowed = allow_callers(in.allow, out); !allowed) return tl::unexpected(allowed.error());
  return out;
}

// Servers and an identity by options, all of them and no file beside; or none.
Result<std::optional<AgentConfig>> read_given(const Arguments& in, std::string_view command) {
  const auto refuse = [command](std::string_view wrong) {
    return fail(Reason::config_invalid, fmt::format("{}{}", command, wrong));
  };
  const int given = !in.rendezvous.empty() + !in.cert.empty() + !in.key.empty() + !in.ca.empty();
  if (given == 0) return std::optional<AgentConfig>();
  if (given < 4) return refuse(" without --config needs --rendezvous, --cert, --key and --ca");
  if (!config_of(in).empty() || !in.socket.empty()) {
    return refuse(": --rendezvous and an identity, or --config, not both");
  }
  auto servers = read_servers(in);
  if (!servers) return tl::unexpected(servers.error());
  std::optional<AgentConfig> out(std::in_place);
  out->rendezvous = std::move(*servers);
  out->identity = {in.cert, in.key, in.ca};
  out->renewal = Renewal::off;  // whoever named these files looks after them
  return out;
}

Result<void> check_label(std::string_view option, const std::string& label, const std::optional<AgentConfig>& given) {
  if (label.empty()) return {};
  if (!is_label(label)) {
    return fail(Reason::config_invalid, fmt::format("{} {}: allowed: {}", option, label, config::kLabelForm));
  }
  if (given) return {};
  return fail(Reason::config_invalid,
              fmt::format("{}: stands in the configuration; allowed beside --rendezvous", option));
}

Result<Command> make_expose(const Arguments& in) {
  auto services = read_exposed(in);
  if (!services) return tl::unexpected(services.error());
  auto given = read_given(in, "expose");
  if (!given) return tl::unexpected(given.error());
  for (const auto& [option, label] : {std::pair{"--name", in.name}, std::pair{"--cluster", in.cluster}}) {
    if (auto usable = check_label(option, label, *given); !usable) return tl::unexpected(usable.error());
  }
  if (*given) {
    (*given)->name = in.name;
    (*given)->cluster = in.cluster;
    (*given)->state_dir.clear();
    (*given)->control_path.clear();
  }
  return ExposeCommand{std::move(*services), std::move(*given), config_of(in), config::socket_path(in.socket),
                       answer_format(in)};
}

Result<Command> make_unexpose(const Arguments& in) {
  if (!is_label(in.name)) {
    return fail(Reason::config_invalid, fmt::format("{}: allowed: {}", config::shown(in.name), config::kLabelForm));
  }
  return UnexposeCommand{in.name, config_of(in), config::socket_path(in.socket), answer_format(in)};
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
  if (out.from != CallFrom::listener && !in.listen.empty()) {
    return fail(Reason::config_invalid, in.listen + ": --check and --stdio listen nowhere");
  }
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
  if (name == "unexpose") return make_unexpose(in);
  return make_expose(in);
}

}  // namespace

Outcome parse_command_line(int argc, const char* const* argv) {
  Arguments in;
  const config::ProgramUsage usage = program_usage(in);
  auto parsed = config::parse_arguments(usage, argc, argv);
  if (auto* answer = std::get_if<config::Answer>(&parsed)) return std::move(*answer);
  const auto log = config::read_log_words(in.log);
  if (!log) return config::unusable(kProgram, log.error().detail);
  auto command = make_command(std::get<std::string_view>(parsed), in);
  if (!command) return config::unusable(kProgram, command.error().detail);
  return CommandLine{std::move(*command), *log};
}

}  // namespace fairlead::agent
