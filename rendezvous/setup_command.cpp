// `setup`: everything that a first server needs, in one folder: a CA, a certificate, a configuration, a token. What is
// there is taken or left, never overwritten; the configuration is written last, so an attempt that failed goes on.
#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "common/config/config_path.h"
#include "common/config/fields.h"
#include "common/net/loop.h"
#include "common/net/socket.h"
#include "common/program/start_line.h"
#include "common/tls/private_file.h"
#include "rendezvous/ca/ca.h"
#include "rendezvous/ca/issuer.h"
#include "rendezvous/commands.h"

namespace fairlead::rendezvous {
namespace {

using std::filesystem::path;

constexpr std::string_view kProgram = "fairlead-rendezvous";
constexpr std::uint16_t kUsualPort = 443;
constexpr std::uint16_t kOtherPort = 15443;

std::string listen_text(const SetupCommand& command, std::uint16_t port) {
  const auto ip = IpAddress::parse(command.host);
  return SocketAddress{ip && !ip->is_v4() ? IpAddress::v6({}) : IpAddress(), port}.to_string();
}

std::uint16_t free_port(const SetupCommand& command) {
  if (command.port != 0) return command.port;
  const auto address = SocketAddress::parse(listen_text(command, kUsualPort));
  return net::bind_tcp(*address, net::ReusePort::no) ? kUsualPort : kOtherPort;
}

std::string default_trust_domain(const SetupCommand& command) {
  return IpAddress::parse(command.host) ? command.cluster + ".internal" : command.host;
}

// The CA's trust domain: of the one that is there, or of a new one.
Result<std::string> take_ca(const SetupCommand& command, const path& ca) {
  std::error_code error;
  if (!std::filesystem::exists(ca / kBundle, error)) {
    const std::string name = command.trust_domain.empty() ? default_trust_domain(command) : command.trust_domain;
    if (auto made = ca_init({.dir = ca, .trust_domain = name, .now = net::wall_now()}); !made)
      return tl::unexpected(made.error());
  }
  const auto issuer = Issuer::open(ca);
  if (!issuer) return tl::unexpected(issuer.error());
  if (!command.trust_domain.empty() && (*issuer)->trust_domain() != command.trust_domain)
    return fail(Reason::config_invalid, fmt::format("{}: this CA is of {}, not {}", ca.string(),
                                                    (*issuer)->trust_domain(), command.trust_domain));
  return (*issuer)->trust_domain();
}

Result<void> take_certificate(const SetupCommand& command, const path& dir, const std::string& trust_domain) {
  std::error_code error;
  if (std::filesystem::exists(dir / "rendezvous.crt", error)) return {};
  const std::string label = command.host.substr(0, command.host.find('.'));
  const auto ip = IpAddress::parse(command.host);
  CaIssue issue;
  issue.dir = dir / "ca";
  issue.id = fmt::format("spiffe://{}/rendezvous/{}", trust_domain, !ip && is_label(label) ? label : "rv1");
  if (ip) issue.ip_addresses = {*ip};
  if (!ip) issue.dns_names = {command.host};
  issue.days = kMaxLeafDays;
  issue.out = dir / "rendezvous";
  issue.now = net::wall_now();
  const auto issued = ca_issue(issue);
  if (!issued) return tl::unexpected(issued.error());
  return {};
}

std::string config_text(const SetupCommand& command, std::uint16_t port, bool own_places) {
  std::string out =
      fmt::format("# Made by `fairlead-rendezvous setup`.\n[server]\nlisten = [\"{}\"]\npublic_addresses = [\"{}\"]\n",
                  listen_text(command, port), HostPort{command.host, port}.to_string());
  if (own_places) out += "admin = \"unix:rendezvous.sock\"\nstate_dir = \"rendezvous-state\"\n";
  out += "\n[identity]\ncert = \"rendezvous.crt\"\nkey = \"rendezvous.key\"\nca = \"ca/ca.crt\"\n";
  out +=
      "\n# Whoever reads its key can be anyone in the mesh.\n[signer]\nmode = \"file\"\ncert = "
      "\"ca/intermediate.crt\"\n";
  out += fmt::format("key = \"ca/intermediate.key\"\ncluster = \"{}\"\n", command.cluster);
  out +=
      "\n# Agents hold names of their own cluster.\n[[policy]]\nagent = "
      "\"spiffe://{trust_domain}/agent/{cluster}/{name}\"\n";
  return out + "services = [\"*.{cluster}\"]\nendpoints = [\"{name}\"]\n";
}

Result<std::string> set_up(const SetupCommand& command) {
  const path dir =
      command.dir.empty() ? path(config::find_config({}, kConfigFile).file).parent_path() : path(command.dir);
  const path file = dir / "rendezvous.toml";
  std::error_code error;
  if (std::filesystem::exists(file, error)) {
    return fail(Reason::already_set_up,
                fmt::format("{} is there and is not overwritten; next: fairlead-rendezvous run --config {}",
                            file.string(), file.string()));
  }
  const std::uint16_t port = free_port(command);
  const auto trust_domain = take_ca(command, dir / "ca");
  if (!trust_domain) return tl::unexpected(trust_domain.error());
  if (auto ready = take_certificate(command, dir, *trust_domain); !ready) return tl::unexpected(ready.error());
  const bool own_places = !command.dir.empty() || ::geteuid() != 0;
  const std::string text = config_text(command, port, own_places);
  if (auto written = tls::create_file(file, as_bytes(text), std::filesystem::perms(0644)); !written)
    return tl::unexpected(written.error());
  const auto token = answer_token({.act = TokenAct::create, .config = file.string()});
  if (!token) return tl::unexpected(token.error());
  return fmt::format(
      "{} is set up for {} at {}\nstart it here:\n  {}\nand within 15 minutes, on a "
      "device:\n"
      "  fairlead-agent join {}more tokens: fairlead-rendezvous token create --config {}\nmove {} to a safe place off "
      "line\n",
      dir.string(), *trust_domain, HostPort{command.host, port}.to_string(),
      program::start_line(kProgram, file.string(), config::user_of_process(),
                          command.dir.empty() ? program::Found::alone : program::Found::by_option),
      token->out, file.string(), (dir / "ca" / kRootKey).string());
}

}  // namespace

int run_command(const SetupCommand& command) {
  const auto done = set_up(command);
  if (!done) return config::complain(kProgram, done.error());
  return config::print({.out = *done, .err = {}});
}

}  // namespace fairlead::rendezvous
