#include "agent/join/identity_folder.h"

#include <fmt/format.h>
#include <unistd.h>

#include "agent/setting/cli.h"
#include "common/config/toml_text.h"
#include "common/tls/certificate_request.h"
#include "common/tls/private_file.h"

namespace fairlead::agent {
namespace {

using config::toml_list;
using config::toml_text;
using std::filesystem::path;

constexpr const char* kKey = "agent.key";
constexpr const char* kCert = "agent.crt";
constexpr const char* kCa = "ca.crt";
constexpr auto kPublic = std::filesystem::perms(0644);
constexpr std::size_t kMaxConfig = 1 << 20;
constexpr std::string_view kServiceSample = R"(
# What this device offers: mesh clients reach it as web.CLUSTER.
# [[service]]
# name = "web"
# target = "127.0.0.1:8443"
# mutual = "unchecked"
)";

bool is_there(const path& file) {
  return ::access(file.c_str(), F_OK) == 0;
}

path with(path file, const char* suffix) {
  return file += suffix;
}

std::optional<std::string> no_environment(const std::string& /*name*/) {
  return std::nullopt;
}

Result<void> write_staged(const path& file, const std::vector<Bytes>& certificates) {
  const auto pem = tls::certificates_to_pem(certificates);
  if (!pem) return tl::unexpected(pem.error());
  return tls::replace_file(with(file, ".joined"), as_bytes(*pem), kPublic);
}

}  // namespace

IdentityFolder IdentityFolder::find(const std::string& dir) {
  const std::string named = config::named_config({}, dir, kConfigFile);
  const bool beside = !dir.empty() || ::geteuid() != 0;
  return {config::find_config(named, kConfigFile).file, beside ? Places::beside : Places::system};
}

bool IdentityFolder::has_identity() const {
  return is_there(config_);
}

Result<void> IdentityFolder::check(const wire::JoinToken& token, const std::string& name) const {
  wire::Joined draft{.chain = {},
                     .bundle = {},
                     .trust_domain = "",
                     .cluster = "",
                     .name = name,
                     .rendezvous = {},
                     .rendezvous_id = token.rendezvous_id};
  for (const HostPort& each : token.rendezvous) draft.rendezvous.push_back(each.to_string());
  if (auto usable = config_text(draft); !usable) return tl::unexpected(usable.error());
  return tls::check_writable(config_.parent_path());
}

Result<std::string> IdentityFolder::take_key() const {
  const path file = in(kKey);
  if (!is_there(file)) {
    auto made = tls::new_private_key();
    if (!made) return made;
    if (auto kept = tls::create_file(file, as_bytes(*made), std::filesystem::perms(0600)); !kept)
      return tl::unexpected(kept.error());
    return made;
  }
  const auto found = tls::read_whole_file(file, tls::kMaxIdentityFileBytes);
  if (!found) return tl::unexpected(found.error());
  return std::string(as_text(*found));
}

// An agent without an own place for its state would share the system's with another one.
Result<std::string> IdentityFolder::config_text(const wire::Joined& joined) const {
  std::string out = fmt::format("# Made by `fairlead-agent join`.\n[agent]\nname = {}\ncluster = {}\nrendezvous = {}\n",
                                toml_text(joined.name), toml_text(joined.cluster), toml_list(joined.rendezvous));
  out += fmt::format("rendezvous_id = {}\n", toml_text(joined.rendezvous_id));
  if (places_ == Places::beside) out += "state_dir = \"agent-state\"\ncontrol = \"unix:agent.sock\"\n";
  out += fmt::format("\n[identity]\ncert = \"{}\"\nkey = \"{}\"\nca = \"{}\"\n", kCert, kKey, kCa);
  out += kServiceSample;
  const auto usable = parse_config(out, config_.string(), config::UnknownKeys::refuse, no_environment);
  if (!usable) return tl::unexpected(usable.error());
  return out;
}

Result<std::shared_ptr<const tls::Credentials>> IdentityFolder::keep(const wire::Joined& joined) const {
  const auto text = config_text(joined);
  if (!text) return fail(Reason::join_malformed, text.error().detail);
  for (const auto& [file, certificates] : {std::pair{in(kCert), joined.chain}, std::pair{in(kCa), joined.bundle}}) {
    if (auto staged = write_staged(file, certificates); !staged) return tl::unexpected(staged.error());
  }
  auto credentials = tls::Credentials::load({with(in(kCert), ".joined"), in(kKey), with(in(kCa), ".joined")});
  if (!credentials) return fail(Reason::join_malformed, credentials.error().detail);
  if (has_identity()) {
    const auto before = tls::read_whole_file(config_, kMaxConfig);
    if (!before) return tl::unexpected(before.error());
    if (auto kept = tls::replace_private_file(with(config_, ".old"), *before); !kept)
      return tl::unexpected(kept.error());
  }
  for (const char* name : {kCa, kCert}) {
    if (auto placed = tls::rename_file(with(in(name), ".joined"), in(name)); !placed)
      return tl::unexpected(placed.error());
  }
  if (auto written = tls::replace_file(config_, as_bytes(*text), kPublic); !written)
    return tl::unexpected(written.error());
  return credentials;
}

}  // namespace fairlead::agent
